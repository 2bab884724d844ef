#!/bin/sh
# Starts PostgreSQL as the user postgres with its data under /var/lib/postgresql/data.
#
#   POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE   needed while the volume is empty
#   POSTGRES_USER (postgres), POSTGRES_DB (as the user)
#
# Arguments are those of postgres; anything else is run as it is.
set -eu

# Process 1 ignores what it does not handle. A shell handles signals between commands and while it
# waits, so whatever takes time below runs beside it.
trap 'exit 143' TERM INT

volume=/var/lib/postgresql/data
export PGDATA="${PGDATA:-$volume/pgdata}"

case "${1:-postgres}" in
  postgres) [ $# -gt 0 ] && shift ;;
  -*) ;;
  *) exec "$@" ;;
esac

if [ "$(id -u)" = 0 ]; then
  mkdir -p "$volume" /run/postgresql
  chown postgres:postgres "$volume" /run/postgresql
  chmod 700 "$volume"
  exec su -s /bin/sh -c 'exec "$@"' postgres -- sh "$0" postgres "$@"
fi

# Never two servers on one volume: the lock goes with the last process that holds it. While a
# container is being replaced, its successor waits here until the old one is done.
exec 9>"$volume/.lock"
flock --timeout 120 9 &
if ! wait "$!"; then
  echo "Another PostgreSQL server has used $volume for two minutes; stop it first." >&2
  exit 1
fi

initialise() {
  password="${POSTGRES_PASSWORD:-}"
  if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then password="$(cat "$POSTGRES_PASSWORD_FILE")"; fi
  if [ -z "$password" ]; then
    echo "The volume is empty: set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE." >&2
    exit 1
  fi
  user="${POSTGRES_USER:-postgres}"
  database="${POSTGRES_DB:-$user}"
  # Under another name until it is complete: if this is killed, the next start begins anew.
  unfinished="$volume/.unfinished"
  rm -rf "$unfinished"
  printf '%s\n' "$password" | initdb --pgdata="$unfinished" --username="$user" \
    --pwfile=/dev/stdin --auth-local=trust --auth-host=scram-sha-256 \
    --encoding=UTF8 --locale=C.UTF-8 >/dev/null
  echo 'host all all all scram-sha-256' >>"$unfinished/pg_hba.conf"
  if [ "$database" != postgres ]; then
    quoted="$(printf '%s' "$database" | sed 's/"/""/g')"
    printf 'create database "%s"\n' "$quoted" |
      postgres --single -D "$unfinished" -c jit=off postgres >/dev/null
  fi
  mv "$unfinished" "$PGDATA"
}

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initialise &
  wait "$!" || exit 1
fi
unset POSTGRES_PASSWORD

# The build of this image leaves the just-in-time compiler out. For PostgreSQL, SIGTERM means to
# wait until the last client leaves, which pools of connections never do; here it means: now.
postgres -c jit=off -c 'listen_addresses=*' "$@" &
server=$!
trap 'kill -INT "$server"' TERM INT
code=0
while :; do
  if wait "$server"; then code=0; else code=$?; fi
  kill -0 "$server" 2>/dev/null || exit "$code"
done

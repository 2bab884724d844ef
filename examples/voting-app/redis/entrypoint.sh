#!/bin/sh
# Starts Redis as the user redis with its data in /data, reachable from the container's networks.
# Arguments are those of redis-server; anything else is run as it is.
set -eu

case "${1:-redis-server}" in
  redis-server) [ $# -gt 0 ] && shift ;;
  -*) ;;
  *) exec "$@" ;;
esac

# Options after the given ones: a configuration file has to come first. There is no password, so
# without this Redis would answer nobody but itself.
set -- redis-server "$@" --protected-mode no

if [ "$(id -u)" != 0 ]; then exec "$@"; fi
mkdir -p /data
chown -R redis:redis /data
exec su -s /bin/sh -c 'exec "$@"' redis -- sh "$@"

import { obedient } from './scenario-files.ts';
import { quietly, run, runUntil, type Track } from './step.ts';

/** What belongs to the machine's own engine passes through Tutti as if nobody were between. */
const containers: Track = [
  run('run --rm bb:1 /bin/echo hello'),
  run("run --rm bb:1 /bin/sh -c 'echo out; echo err >&2; exit 3'"),
  run('run --rm -i bb:1 /bin/cat', { stdin: 'from standard input\n' }),
  run('run --rm -i bb:1 /bin/wc -c', { stdin: 'x'.repeat(300_000) }),
  run("run --rm -t bb:1 /bin/sh -c 'tty; echo on a terminal'"),
  run('run --rm bb:1 /no/such/program'),
  run('run --rm nothing:here true'),
  run(
    "create --name lo-1 --label lo=1 bb:1 /bin/sh -c 'trap exit TERM; echo up; sleep 1000 & wait'",
  ),
  run('start lo-1'),
  runUntil('logs lo-1', /up/),
  run('logs --tail 1 --timestamps lo-1'),
  run('exec lo-1 /bin/echo inside'),
  run('exec -i lo-1 /bin/cat', { stdin: 'into the container\n' }),
  run('exec -i lo-1 /bin/wc -c', { stdin: 'y'.repeat(300_000) }),
  run('exec -t lo-1 /usr/bin/tty'),
  run("exec -e A=b -w /tmp lo-1 /bin/sh -c 'echo $A; pwd; echo bad >&2; exit 4'"),
  run('exec -d lo-1 /bin/touch /tmp/touched'),
  run('exec nope /bin/true'),
  run('top lo-1 -o args'),
  run("stats --no-stream --format '{{.Name}}' lo-1"),
  run("inspect --format '{{.State.Status}} {{.Config.Image}} {{json .Config.Cmd}}' lo-1"),
  run('inspect lo-nope'),
  run('cp sec lo-1:/tmp/sec'),
  run('exec lo-1 /bin/cat /tmp/sec'),
  run('cp lo-1:/tmp/sec back'),
  run('cp lo-1:/nope back'),
  run('diff lo-1', { anyOrder: true }),
  run('port lo-1'),
  run('rename lo-1 lo-2'),
  run('pause lo-2'),
  run('unpause lo-2'),
  run('update --memory 64m --memory-swap 64m lo-2'),
  run('restart lo-2'),
  run("ps --filter label=lo --format '{{.Names}} {{.State}} {{.Image}}'"),
  run('stop lo-2'),
  run('wait lo-2'),
  run("ps -a --filter label=lo --format '{{.Names}} {{.State}}'"),
  run('kill lo-2'),
  run('commit lo-2 lo:commit'),
  run('export --output exported.tar lo-2'),
  run('rm lo-2'),
  run('rm lo-2'),
  quietly('rmi lo:commit'),
];

/** Connections that become streams in both directions, or that outlast their request. */
const streams: Track = [
  run("run --rm -it bb:1 /bin/sh -c 'tty; read line; echo got $line; exit 3'", {
    terminal: /^(?:got|.dev)/,
    stdin: 'typed\n',
  }),
  run(`run -d --name lo-shell bb:1 ${obedient}`),
  run("exec -it lo-shell /bin/sh -c 'tty; read line; echo got $line; exit 4'", {
    terminal: /^(?:got|.dev)/,
    stdin: 'typed too\n',
  }),
  run('create -i --name lo-cat bb:1 /bin/cat'),
  run('start -a -i lo-cat', { stdin: 'attached\nand read to the end\n' }),
  run("run -d --name lo-late bb:1 /bin/sh -c 'echo soon; sleep 2; echo late'"),
  run('logs -f lo-late'),
  run("run -d --name lo-end bb:1 /bin/sh -c 'sleep 2; echo end; exit 5'"),
  run('attach --no-stdin lo-end'),
  run("run -d -t --name lo-tty bb:1 /bin/sh -c 'sleep 2; echo of a terminal'"),
  run('attach --no-stdin lo-tty'),
  run('attach lo-end'),
  run('rm -f lo-shell lo-cat lo-late lo-end lo-tty'),
  run(
    'events --since @begin --until @soon --filter container=lo-late ' +
      "--format '{{.Type}} {{.Action}}'",
  ),
];

const images: Track = [
  run('images --filter reference=bb', { anyOrder: true }),
  run('images -q bb:1'),
  run('image inspect bb:1'),
  run('history --no-trunc bb:1'),
  run('build --no-cache --tag lo:built image'),
  run('build --no-cache --tag lo:given -', { stdin: 'FROM bb:1\nENV A=b\n' }),
  run('build --no-cache --tag lo:bad -', { stdin: 'FROM bb:1\nRUN exit 7\n' }),
  run('build --no-cache --tag lo:bad -', { stdin: 'FRUM bb:1\n' }),
  run('run --rm lo:built'),
  // The builder that clients before 23 bring; it asks for HTTP/2 on an upgraded connection.
  run('build --no-cache --quiet --tag lo:kit image', { env: { DOCKER_BUILDKIT: '1' } }),
  run('run --rm lo:kit'),
  run('save --output saved.tar lo:built'),
  run('tag lo:built lo:again'),
  run('rmi lo:built lo:again'),
  run('load --input saved.tar'),
  run('import exported.tar lo:imported'),
  run('rmi lo:built'),
  run('rmi lo:nope'),
  run('pull 127.0.0.1:1/nobody:here'),
  run('push 127.0.0.1:1/nobody:here'),
  run("system df --format '{{.Type}}'"),
  quietly('rmi lo:given lo:kit lo:imported'),
  run('image prune --force --filter label=lo'),
  run('builder prune --force --filter id=nothing'),
];

const volumes: Track = [
  run('volume create --label lo=v lo-volume'),
  run('volume create lo-volume'),
  run('volume inspect lo-volume'),
  run('volume ls --filter label=lo=v'),
  run('volume ls --filter label=lo=v -q'),
  run('volume ls --filter colour=red'),
  run('run --rm -v lo-volume:/v bb:1 /bin/touch /v/kept'),
  run('run --rm -v lo-volume:/v bb:1 /bin/ls /v'),
  run('volume rm lo-volume lo-nope'),
  run('volume prune --force --filter label=lo=none'),
  run('container prune --force --filter label=lo=none'),
  run('plugin ls'),
  run('login --username me --password-stdin 127.0.0.1:1', { stdin: 'secret' }),
];

export const local: readonly Track[] = [containers, streams, images, volumes];

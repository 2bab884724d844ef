import { quietly, run, runUntil, type Step, until } from './step.ts';

/** Files that commands of the scenario read. */
export const scenarioFiles: Readonly<Record<string, string>> = {
  sec: 'secret',
  cfg: 'conf',
  'st.yml': `
version: "3.8"
services:
  web:
    image: bb:1
    command: ["/bin/sleep", "1000"]
    ports: ["18090:80"]
    networks: [front]
    volumes: ["data:/d"]
    secrets: [s1]
    configs: [c1]
    deploy:
      replicas: 2
      labels: { tier: web }
      resources: { limits: { memory: 32M } }
      restart_policy: { condition: on-failure, max_attempts: 3 }
      update_config: { order: start-first }
      placement:
        constraints: ["node.role==manager"]
        preferences: [{ spread: node.labels.zone }]
  other:
    image: bb:1
    command: ["/bin/sleep", "1000"]
networks: { front: {} }
volumes: { data: {} }
secrets: { s1: { file: ./sec } }
configs: { c1: { file: ./cfg } }
`,
};

const states = "--format '{{.DesiredState}} {{.CurrentState}}'";

/** Waits until so many tasks of a service run, and none is still on its way in or out. */
function running(service: string, count: number): Step {
  const lines = `(?:Running Running [^\\n]*\\n){${count}}`;
  const past = '(?:Shutdown (?:Shutdown|Failed|Rejected|Complete) [^\\n]*\\n)*';
  return until(
    `service ps ${service} ${states}`,
    new RegExp(`^(?:${past}${lines.replace(`{${count}}`, '')}${past}){${count}}$`),
  );
}

/** Waits until an update has come to its end. */
function updated(service: string): Step {
  return until(`service inspect --format '{{.UpdateStatus.State}}' ${service}`, /completed/);
}

/** A cluster from its beginning to its end, as a person would go through it. */
export const scenario: readonly Step[] = [
  // Before there is a cluster.
  run('version'),
  run('info'),
  run('node ls'),
  run('service ls'),
  run('swarm leave'),
  run('swarm init --advertise-addr 127.0.0.1'),
  run('swarm init --advertise-addr 127.0.0.1'),
  run('swarm join-token worker'),
  run('swarm join-token -q manager'),
  run('swarm join-token --rotate -q worker'),
  run('swarm update --task-history-limit 3'),
  run('swarm unlock-key'),
  run('info'),
  // Nodes.
  run('node ls'),
  run('node inspect self'),
  run('node inspect --pretty self'),
  run('node update --label-add zone=a @node'),
  run('node update --label-rm nope @node'),
  run('node ps self'),
  run('node promote @node'),
  run('node demote @node'),
  run('node inspect nope'),
  run('node rm @node'),
  // Secrets and configs.
  run('secret create sec sec'),
  run('secret create sec sec'),
  run('secret create -- -bad- sec'),
  run('secret ls'),
  run('secret inspect sec'),
  run('secret inspect --pretty sec'),
  run('config create --label a=b cfg cfg'),
  run('config ls'),
  run('config ls --filter label=a=c'),
  run('config inspect cfg'),
  run('config inspect --pretty cfg'),
  // Networks.
  run('network create -d overlay --attachable net1'),
  run('network create -d overlay net1'),
  run('network ls --filter scope=swarm'),
  run('network inspect net1'),
  run('network inspect nope'),
  run('network create --subnet 10.77.0.0/24 -d overlay net2'),
  run('network inspect net2'),
  run('network rm net2'),
  run('service create --detach --name e --replicas 0 bb:1'),
  run('service update --detach --label-add a=b e'),
  run('service update --detach --image bb:2 e'),
  run('service rm e'),
  run('events --since @begin --until @soon --filter scope=swarm'),
  run('events --since @begin --until @soon --filter type=secret --filter event=create'),
  // A service.
  run(
    'service create --name w --replicas 2 --env A=b --label x=y --network net1 --secret sec ' +
      '--config source=cfg,target=/etc/cfg --limit-memory 64M --reserve-cpu 0.1 ' +
      '--mount type=volume,src=vol,dst=/v --health-cmd true --health-interval 1s ' +
      '--update-monitor 1s --rollback-monitor 1s ' +
      "bb:1 /bin/sh -c 'trap exit TERM; echo hello; sleep 1000 & wait'",
  ),
  run('service ls'),
  run('service ls --filter name=nope'),
  run('service ls --filter mode=replicated --quiet'),
  run('service ps w'),
  run("service ps --no-trunc --format '{{.Name}} {{.Image}} {{.Node}} {{.DesiredState}}' w"),
  run('service inspect w'),
  run('service inspect --pretty w'),
  runUntil('service logs --raw w', /hello\nhello\n/),
  run('service logs --timestamps --tail 1 w', { anyOrder: true }),
  run('service logs --details w', { anyOrder: true }),
  run('service logs nope'),
  run('service scale w=3'),
  run('service update --env-add A=c --update-parallelism 2 --update-delay 1s w'),
  run('service update --image bb:2 --detach w'),
  updated('w'),
  run('service inspect --pretty w'),
  run('service rollback w'),
  run('service update --force --detach w'),
  updated('w'),
  run('service ls'),
  // Other modes, and what does not work.
  run(
    "service create --name g --update-monitor 1s --mode global bb:1 /bin/sh -c 'trap exit TERM; sleep 1000 & wait'",
  ),
  run(
    'service create --name j --mode replicated-job --replicas 2 --max-concurrent 1 bb:1 /bin/echo x',
  ),
  run('service ls'),
  run('service inspect j'),
  run('service create --detach --name c --constraint node.labels.zone==b bb:1 /bin/sleep 1'),
  runUntil('service ps --no-trunc c', /no suitable node/),
  run("service create --detach --name ex --restart-condition none bb:1 /bin/sh -c 'exit 3'"),
  runUntil('service ps --no-trunc ex', /non-zero exit/),
  run('service create --name w bb:1'),
  run('service create --name -bad- bb:1'),
  run('service create --name x --network nope bb:1'),
  run('service create --name x --secret nope bb:1'),
  run('service create --name x --constraint nope bb:1'),
  run('service create --name x --limit-memory 1m bb:1'),
  run('service inspect nope'),
  run('service ps nope'),
  run('service scale nope=1'),
  run('service scale g=2'),
  run('service rm nope'),
  run('secret rm sec'),
  run('config rm cfg'),
  run('network rm net1'),
  run(
    'service create --detach --name p --publish 18080:80 ' +
      '--publish mode=host,published=18081,target=81 bb:1 /bin/sleep 1000',
  ),
  run('service inspect p'),
  running('p', 1),
  run('service ps p'),
  run('service create --detach --name p2 --publish 18080:80 bb:1 /bin/sleep 1'),
  // A stack.
  run('stack deploy -c st.yml st', { anyOrder: true }),
  running('st_web', 2),
  running('st_other', 1),
  run('stack deploy -c st.yml st', { anyOrder: true }),
  run('stack ls'),
  run('stack services st'),
  run('stack ps st'),
  run('service inspect st_web'),
  run('service inspect --pretty st_web'),
  run('stack rm st', { anyOrder: true }),
  run('stack services st'),
  until('network ls -q --filter label=com.docker.stack.namespace=st', /^$/),
  run('stack rm st'),
  run('stack ls'),
  // Draining, and the end.
  run('node update --availability drain @node'),
  run('node ls'),
  run('node update --availability active @node'),
  running('w', 3),
  run('service rm w g j c ex p'),
  run('service ls'),
  until('ps -q --filter label=com.docker.swarm.task', /^$/),
  run('secret rm sec'),
  run('config rm cfg'),
  run('network rm net1'),
  run('network ls --filter scope=swarm'),
  run('swarm leave'),
  run('swarm leave --force'),
  run('node ls'),
  run("info --format '{{json .Swarm}}'"),
  quietly('volume rm vol st_data'),
];

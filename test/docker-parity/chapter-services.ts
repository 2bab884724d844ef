import { obedient } from './scenario-files.ts';
import { type Chapter, quietly, run, runUntil, type Track } from './step.ts';
import { running, updated } from './waits.ts';

const quick =
  '--update-monitor 300ms --rollback-monitor 300ms ' +
  '--update-parallelism 0 --rollback-parallelism 0';

/** One service through its life, as a person would watch it. */
const life: Track = [
  run(
    'service create --name w --replicas 2 --env A=b --label x=y --network net1 --secret sec ' +
      '--config source=cfg,target=/etc/cfg --limit-memory 64M --reserve-cpu 0.1 ' +
      '--mount type=volume,src=vol,dst=/v ' +
      `${quick} bb:1 /bin/sh -c 'trap exit TERM; echo hello; sleep 1000 & wait'`,
  ),
  run('service ls --filter name=w'),
  run('service ls --filter name=w --filter mode=global'),
  run('service ls --filter mode=replicated --filter name=w --quiet'),
  run('service ls --filter label=x=y'),
  run('service ls --filter colour=red'),
  run("service ls --filter name=w --format '{{.Name}} {{.Mode}} {{.Replicas}} {{.Image}}'"),
  run('service ps w'),
  run('service ps -q w'),
  run("service ps --no-trunc --format '{{.Name}} {{.Image}} {{.Node}} {{.DesiredState}}' w"),
  run('service ps --filter name=w.2 w'),
  run('service ps --filter desired-state=running w'),
  run('service ps --filter desired-state=shutdown w'),
  run('service ps --filter node=nope w'),
  run('service ps --filter colour=red w'),
  run('service inspect w'),
  run('service inspect --pretty w'),
  run('secret rm sec'),
  run('config rm cfg'),
  run('network rm net1'),
  run('volume rm vol'),
  run('service create --name w bb:1'),
  run('service scale w=3'),
  run('service update --env-add A=c --update-order start-first w'),
  run('service inspect --pretty w'),
  run('service rollback w'),
  run('service update --image bb:2 --detach w'),
  updated('w'),
  run('service ps --filter desired-state=running w'),
  run('service update --replicas 1 w'),
  run('service scale --detach w=2'),
  running('w', 2),
  run('service ls --filter name=w'),
  run("service inspect --format '{{json .UpdateStatus.State}} {{json .Spec.Mode}}' w"),
];

/** What cannot start, and what ends. */
const troubled: Track = [
  run('service create --detach --name c --constraint node.labels.zone==b bb:1 /bin/sleep 1'),
  run('service create --detach --name big --reserve-memory 900g bb:1 /bin/sleep 1'),
  run('service create --detach --name mi --no-resolve-image --restart-condition none mi/none:1'),
  run(
    "service create --detach --name ex --restart-condition none bb:1 /bin/sh -c 'echo bye; exit 3'",
  ),
  run(
    'service create --detach --name bi --restart-condition none ' +
      '--mount type=bind,src=/no/such/place,dst=/x bb:1 /bin/sleep 1',
  ),
  run('service create --detach --name cmd --restart-condition none bb:1 /no/such/command'),
  // A task that has ended is wanted no more a moment later, on both sides.
  runUntil('service ps --no-trunc c', /no suitable node/),
  runUntil('service ps --no-trunc big', /no suitable node/),
  runUntil('service ps --no-trunc ex', /Shutdown .*non-zero exit/),
  runUntil('service ps --no-trunc bi', /Shutdown .*Rejected/),
  runUntil('service ps --no-trunc cmd', /Shutdown .*(?:Failed|Rejected)/),
  runUntil(
    "service ps --format '{{.DesiredState}} {{.CurrentState}} {{.Error}}' mi",
    /Shutdown .*Rejected/,
  ),
  run('service logs --raw ex'),
  run("service ls --filter name=ex --format '{{.Name}} {{.Replicas}}'"),
  run('service rm c big mi ex bi cmd'),
];

/** Two replicas that each say three lines. */
const logs: Track = [
  run(
    `service create --name l --replicas 2 ${quick} ` +
      "bb:1 /bin/sh -c 'trap exit TERM; echo one; echo bad >&2; sleep 0.3; echo two; sleep 1000 & wait'",
  ),
  runUntil('service logs --raw l', /(?:[^]*two){2}/, { anyOrder: true }),
  run('service logs l', { anyOrder: true }),
  run('service logs --no-trunc l', { anyOrder: true }),
  run('service logs --no-task-ids l', { anyOrder: true }),
  run('service logs --no-resolve l', { anyOrder: true }),
  run('service logs --timestamps l', { anyOrder: true }),
  run('service logs --details l', { anyOrder: true }),
  run('service logs --raw --tail 1 l', { anyOrder: true }),
  run('service logs --raw --tail 0 l'),
  run('service logs --raw --tail nonsense l', { anyOrder: true }),
  run('service logs --raw --since 1h l', { anyOrder: true }),
  run('service logs --raw --since 2100-01-01T00:00:00Z l'),
  run('service logs --raw --since @begin l', { anyOrder: true }),
  run('service logs --raw @task:l'),
  run('service logs nope'),
  quietly('service rm l'),
];

/** How tasks are spread, and how they are reached. */
const modes: Track = [
  run(`service create --name g ${quick} --mode global bb:1 ${obedient}`),
  run('service create --name j --mode replicated-job --replicas 2 --max-concurrent 1 bb:1 echo x'),
  run('service create --name gj --mode global-job bb:1 /bin/echo x'),
  run('service ls --filter name=g'),
  run('service ls --filter name=j'),
  run('service ls --filter mode=global-job'),
  run('service inspect g'),
  run('service inspect j'),
  run('service inspect --pretty gj'),
  run('service ps j', { anyOrder: true }),
  run('service ps gj'),
  run('service scale g=2'),
  run('service scale j=3'),
  run('service scale gj=3'),
  run('service update --replicas 2 g'),
  run('service update --detach --label-add a=b j'),
  run('service rollback --detach j'),
  run('service rollback --detach gj'),
  run(
    'service create --detach --name p --publish 18080:80 ' +
      `--publish mode=host,published=18081,target=81,protocol=udp bb:1 ${obedient}`,
  ),
  run(`service create --name d --endpoint-mode dnsrr --network net1 ${quick} bb:1 ${obedient}`),
  run('service inspect d'),
  run('service inspect --pretty d'),
  run('service update --detach --publish-add 18084:84 d'),
  run('service inspect p'),
  running('p', 1),
  run('service ps p'),
  run("ps --filter label=com.docker.swarm.service.name=p --format '{{.Ports}}'"),
  run("ps --filter publish=18081/udp --format '{{.Image}} {{.Ports}}'"),
  run("inspect --format '{{.HostConfig.PortBindings}} {{.NetworkSettings.Ports}}' @container:p"),
  run('port @container:p'),
  run('service ls --filter name=p'),
  run('service create --detach --name p2 --publish 18080:80 bb:1 /bin/sleep 1'),
  run('service update --detach --publish-rm 80 --publish-add 18082:82 p'),
  run("service inspect --format '{{json .Spec.EndpointSpec}}' p"),
  run('service rm g j gj d p'),
];

export const services: Chapter = [life, troubled, logs, modes];

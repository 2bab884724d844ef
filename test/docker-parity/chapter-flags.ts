import { type Chapter, run, type Step, type Track } from './step.ts';
import { allocated } from './waits.ts';

const prepared: Track = [
  run('network create -d overlay net4'),
  run('network create -d overlay net6'),
  run('secret create sec2 sec'),
  run('config create cfg2 cfg'),
];

const tidied: Track = [run('secret rm sec2'), run('config rm cfg2'), run('network rm net4 net6')];

/** Nothing runs here: what is written is what is compared. */
const created: Track = [
  run(
    'service create --detach --name f --replicas 0 --cap-add NET_ADMIN --cap-drop CHOWN ' +
      '--container-label c=d --dns 10.1.1.1 --dns-option ndots:2 --dns-search example.org ' +
      '--entrypoint /bin/echo --env-file some.env --env B=c --group 10 --group audio ' +
      '--health-cmd true --health-interval 5s --health-retries 2 --health-start-period 1s ' +
      '--health-timeout 3s --host one:10.0.0.5 --hostname h-{{.Task.Slot}} --init ' +
      '--limit-cpu 0.5 --limit-memory 64M --limit-pids 100 --log-driver json-file ' +
      '--log-opt max-size=1m --placement-pref spread=node.labels.zone --read-only ' +
      '--replicas-max-per-node 2 --reserve-memory 16M --restart-condition on-failure ' +
      '--restart-delay 2s --restart-max-attempts 4 --restart-window 1m ' +
      '--rollback-delay 1s --rollback-failure-action continue --rollback-max-failure-ratio 0.5 ' +
      '--rollback-monitor 2s --rollback-order start-first --rollback-parallelism 3 ' +
      '--stop-grace-period 7s --stop-signal SIGINT --sysctl net.core.somaxconn=99 --tty ' +
      '--ulimit nofile=100:200 --update-delay 3s --update-failure-action rollback ' +
      '--update-max-failure-ratio 0.25 --update-monitor 4s --update-order start-first ' +
      '--update-parallelism 5 --user 1000 --workdir /tmp --with-registry-auth ' +
      '--mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770 ' +
      '--mount type=bind,src=/etc,dst=/e,readonly,bind-propagation=rslave ' +
      '--mount type=volume,src=v1,dst=/v1,volume-nocopy,volume-label=x=y,volume-driver=local ' +
      '--secret source=sec2,target=s,uid=1,gid=2,mode=0400 ' +
      '--config source=cfg2,target=/c,uid=3,gid=4,mode=0440 ' +
      '--network name=net6,alias=f1,alias=f2 --publish published=18095,target=95,protocol=udp ' +
      '--constraint node.role==manager --constraint node.labels.a!=b bb:1 one two',
  ),
  allocated('f'),
  run('service inspect f'),
  run('service inspect --pretty f'),
];

const update = (flags: string): readonly Step[] => [
  run(`service update --detach ${flags} f`),
  run("service inspect --format '{{json .Spec}}' f"),
];

const updated: Track = [
  ...update('--env-add B=d --env-rm FROM_FILE --env-rm OTHER --env-rm NOPE'),
  ...update('--label-add l=m --container-label-add c=e --container-label-rm nope'),
  ...update('--label-rm l --container-label-rm c'),
  ...update('--mount-add type=volume,src=v2,dst=/v2 --mount-rm /t --mount-rm /nope'),
  ...update('--secret-rm sec2 --secret-add source=sec2,target=other'),
  ...update('--config-rm cfg2 --config-add source=cfg2,target=/other'),
  ...update('--publish-add 18096:96 --publish-rm 95/udp'),
  ...update('--constraint-add node.role!=worker --constraint-rm node.labels.a!=b'),
  ...update('--limit-memory 32M --limit-cpu 1 --reserve-cpu 0.2 --limit-pids 50'),
  ...update('--health-cmd false --health-interval 9s --health-retries 7'),
  ...update('--no-healthcheck'),
  ...update('--rollback-parallelism 1 --rollback-order stop-first --rollback-monitor 3s'),
  ...update('--update-parallelism 0 --update-delay 0s --update-failure-action pause'),
  ...update('--restart-condition any --restart-delay 1s --restart-window 0s'),
  ...update('--dns-add 10.1.1.2 --dns-rm 10.1.1.1 --dns-search-add a.org --dns-option-rm ndots:2'),
  ...update('--host-add two:10.0.0.6 --host-rm one:10.0.0.5 --hostname plain'),
  ...update('--network-add net4 --network-rm net6'),
  ...update('--placement-pref-add spread=node.labels.rack --placement-pref-rm spread=x'),
  ...update('--cap-add CHOWN --cap-drop NET_ADMIN --sysctl-add net.core.somaxconn=98'),
  ...update('--ulimit-add nproc=5 --ulimit-rm nofile --group-add 11 --group-rm audio'),
  ...update('--user 0 --workdir / --stop-signal SIGTERM --stop-grace-period 3s --read-only=false'),
  ...update('--args three --entrypoint /bin/sh --tty=false --init=false'),
  ...update('--log-driver none --replicas-max-per-node 0 --endpoint-mode vip'),
  ...update('--image bb:2 --force --with-registry-auth'),
  ...update('--rollback'),
  run('service rollback --detach f'),
  run('service rollback --detach --rollback f'),
  run('service inspect --pretty f'),
  run('service rm f'),
];

export const flags: Chapter = [[...prepared, ...created, ...updated, ...tidied]];

import { type Chapter, quietly, run, type Track } from './step.ts';

/** Where one of the two accepts it, the next is refused for its own sake all the same. */
function creating(name: string): (flags: string, image?: string) => Track {
  return (flags, image = 'bb:1') => [
    run(`service create --detach --name ${name} --replicas 0 ${flags} ${image}`),
    quietly(`service rm ${name}`),
  ];
}

const createNames = creating('x-1');
const names: Track = [
  run('service create --name -bad- bb:1'),
  run(`service create --detach --name ${'n'.repeat(64)} bb:1`),
  ...createNames('--network nope'),
  ...createNames('--network bridge'),
  ...createNames('--secret nope'),
  ...createNames('--config nope'),
  ...createNames('--constraint nope'),
  ...createNames('--constraint node.role=~manager'),
  ...createNames('--constraint node.bad!key==x'),
  ...createNames('--placement-pref spread=x'),
  ...createNames('--placement-pref binpack=node.labels.x'),
  ...createNames('', 'UPPER:1'),
  ...createNames('', 'bb:1:2'),
  ...createNames('--hostname {{.Bogus}}'),
  ...createNames('--env A={{.Unclosed'),
];

const createSettings = creating('x-2');
const settings: Track = [
  ...createSettings('--limit-memory 1m'),
  ...createSettings('--limit-cpu 0.0001'),
  ...createSettings('--reserve-cpu -1'),
  run('service create --detach --name x-2 --replicas -1 bb:1'),
  ...createSettings('--mode bogus'),
  run('service create --detach --name x-2 --mode global --replicas 2 bb:1'),
  run('service create --detach --name x-2 --mode replicated-job --update-parallelism 2 bb:1'),
  ...createSettings('--endpoint-mode bogus'),
  ...createSettings('--endpoint-mode dnsrr --publish 18099:80'),
  ...createSettings('--publish 18099:80 --publish 18099:81'),
  ...createSettings('--publish 99999:80'),
  ...createSettings('--publish mode=sideways,published=1,target=2'),
  ...createSettings('--publish target=0'),
  ...createSettings('--restart-condition sometimes'),
  ...createSettings('--update-failure-action shrug'),
  ...createSettings('--rollback-failure-action rollback'),
  ...createSettings('--update-order sideways'),
  ...createSettings('--update-max-failure-ratio 2'),
  ...createSettings('--update-monitor -1s'),
  ...createSettings('--update-delay -1s'),
  ...createSettings('--restart-delay -1s'),
  ...createSettings('--stop-grace-period -1s'),
  ...createSettings('--health-interval 1us'),
  ...createSettings('--health-retries -1'),
];

const createMounts = creating('x-3');
const mounts: Track = [
  ...createMounts('--mount type=bind,src=relative,dst=/x'),
  ...createMounts('--mount type=bind,dst=/x'),
  ...createMounts('--mount type=volume,src=a,dst=/x --mount type=volume,src=b,dst=/x'),
  ...createMounts('--mount type=volume,src=a,dst=relative'),
  ...createMounts('--mount type=tmpfs,src=a,dst=/x'),
  ...createMounts('--mount type=bogus,dst=/x'),
  ...createMounts('--mount type=npipe,src=a,dst=/x'),
  ...createMounts('--secret source=sec,target=a --secret source=sec,target=a'),
  ...createMounts('--config source=cfg,target=/a --config source=cfg,target=/a'),
  ...createMounts('--sysctl bad'),
  ...createMounts('--ulimit nofile=2:1'),
  ...createMounts('--cap-add NO_SUCH_CAP'),
  ...createMounts('--log-driver nosuch'),
];

const unknown: Track = [
  run('service inspect nope'),
  run('service inspect --pretty nope'),
  run('service ps nope'),
  run('service scale nope=1'),
  run('service scale nope=x'),
  run('service update --image bb:2 nope'),
  run('service rollback nope'),
  run('service rm nope'),
  run('service create --detach --name y --replicas 0 bb:1'),
  run('service rollback --detach y'),
  run('service update --detach --secret-add nope y'),
  run('service update --detach --config-add nope y'),
  run('service update --detach --network-add nope y'),
  run('service update --detach --mount-add type=volume,src=a,dst=relative y'),
  run('service update --detach --constraint-add nope y'),
  run('service update --detach --replicas -1 y'),
  run('service update --detach --limit-memory 1m y'),
  run('service update --detach --image UPPER y'),
  run('service update --detach --max-concurrent 2 y'),
  run('service update --detach --endpoint-mode dnsrr --publish-add 18099:80 y'),
  run('service update --detach --publish-rm nonsense y'),
  run('service scale --detach y=0 nope=1'),
  run('service rm y nope'),
];

const networks: Track = [
  run('network create -d overlay --subnet 10.77.0.0/24 around'),
  run('network create -d overlay --subnet 10.77.0.0/25 within'),
  run('network create -d overlay --scope galaxy elsewhere'),
  quietly('network rm around within elsewhere'),
];

/** What cannot be wanted. */
export const refused: Chapter = [names, settings, mounts, unknown, networks];

import { type Chapter, quietly, run, type Track } from './step.ts';

const nodes: Track = [
  run('node ls'),
  run('node ls -q'),
  run('node ls --filter role=manager'),
  run('node ls --filter role=worker'),
  run('node ls --filter role=king'),
  run('node ls --filter membership=accepted -q'),
  run('node ls --filter name=nope'),
  run('node ls --filter colour=red'),
  run("node ls --format '{{.Hostname}} {{.Status}} {{.Availability}} {{.ManagerStatus}}'"),
  run('node inspect self'),
  run('node inspect --pretty self'),
  run('node update --label-add zone=a @node'),
  run('node ls --filter node.label=zone=a -q'),
  run('node ls --filter node.label=zone=b -q'),
  run('node update --label-add size=1 --label-rm zone @node'),
  run("node inspect --format '{{json .Spec}}' self"),
  run('node update --label-rm nope @node'),
  run('node update --availability sleepy @node'),
  run('node update --role king @node'),
  run('node update --availability pause @node'),
  run('node ls'),
  run('node update --availability active @node'),
  run('node ps self'),
  run('node promote @node'),
  run('node demote @node'),
  run('node inspect nope'),
  run('node ps nope'),
  run('node update --label-add a=b nope'),
  run('node rm @node'),
  run('node rm nope'),
];

const secrets: Track = [
  run('secret create sec sec'),
  run('secret create sec sec'),
  run('secret create -- -bad- sec'),
  run('secret create nothing empty'),
  run('secret create toolarge long'),
  run('secret create lost no-such-file'),
  run('secret create --label owner=me --label x=y given -', { stdin: 'from standard input' }),
  run('secret ls'),
  run('secret ls -q'),
  run('secret ls --filter name=giv'),
  run('secret ls --filter label=owner=me'),
  run('secret ls --filter label=owner=you -q'),
  run('secret ls --filter colour=red'),
  run("secret ls --format '{{.Name}}'"),
  run('secret inspect sec'),
  run('secret inspect given sec'),
  run('secret inspect --pretty given'),
  run('secret inspect nope'),
  run('secret rm given nope'),
  run('secret rm given'),
];

const configs: Track = [
  run('config create --label a=b cfg cfg'),
  run('config create cfg cfg'),
  run('config create toolarge large'),
  run('config create none empty'),
  run('config create --template-driver golang shaped -', { stdin: '{{.Service.Name}}' }),
  run('config ls'),
  run('config ls --filter label=a=c'),
  run('config ls --filter name=shap -q'),
  run('config ls --filter colour=red'),
  run('config inspect cfg'),
  run('config inspect --pretty cfg'),
  run('config inspect shaped'),
  run('config inspect nope'),
  run('config rm shaped none'),
];

const networks: Track = [
  run('network create -d overlay --attachable net1'),
  run('network create -d overlay net1'),
  run('network ls --filter scope=swarm'),
  run('network ls --filter scope=swarm --filter driver=overlay -q'),
  run('network ls --filter name=net1'),
  run('network ls --filter type=custom --filter scope=swarm'),
  run('network ls --filter colour=red'),
  run('network inspect net1'),
  run('network inspect --verbose net1'),
  run('network inspect nope'),
  run(
    'network create --subnet 10.77.0.0/24 --gateway 10.77.0.9 --ip-range 10.77.0.128/25 ' +
      '--label a=b --internal --opt com.docker.network.driver.mtu=1400 -d overlay net2',
  ),
  run('network inspect net2'),
  run('network ls --filter label=a=b'),
  run('network create --subnet 10.78.0.0/33 -d overlay wrong0'),
  run('network create --subnet 10.78.0.0/24 --gateway 10.79.0.1 -d overlay wrong1'),
  run('network create --ingress -d overlay wrong2'),
  run('network create -d overlay bad/name'),
  run('network create local1'),
  run('network inspect local1'),
  run('network create local1'),
  run('network rm local1'),
  run('network rm net2'),
  run('network rm nope'),
  run('network rm ingress', { stdin: 'n\n' }),
];

/** The objects of a cluster, without anything that runs. */
export const objects: Chapter = [nodes, secrets, configs, networks];

/** One kind of container, with a network of the cluster. */
const attached: Track = [
  run('network create -d overlay --attachable net5'),
  run("run -d --name r1 --network net5 bb:1 /bin/sh -c 'trap exit TERM; sleep 1000 & wait'"),
  run('network rm net5'),
  run("run -d --name r2 --network net5 bb:1 /bin/sh -c 'trap exit TERM; sleep 1000 & wait'"),
  run("inspect --format '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}' r1 r2"),
  run("exec r2 /bin/sh -c 'ping -c 1 r1 >/dev/null && echo reached'"),
  run('network connect net5 r1'),
  run('network connect nope r1'),
  run('network disconnect net5 r2'),
  run('rm -f r1 r2'),
  quietly('network rm net5'),
];

/** A service of which only events are told. */
const changed: Track = [
  run('network create -d overlay --label old=yes forgotten'),
  run('network prune --force --filter label=old=yes'),
  run('service create --detach --name e --replicas 0 bb:1'),
  run('service update --detach --label-add a=b e'),
  run('service update --detach --image bb:2 e'),
  run('service update --detach --replicas 1 --constraint-add node.role==worker e'),
  run('service rm e'),
];

export const attachable: Chapter = [[...attached, ...changed]];

const events = (filters: string): Track => [
  run(`events --since @begin --until @soon ${filters}`, { anyOrder: true }),
];

/** What happened until here, as events tell it. */
export const happened: Chapter = [
  events('--filter type=node'),
  events('--filter type=secret'),
  events('--filter type=config'),
  events('--filter type=service'),
  events('--filter type=network --filter scope=swarm'),
  events('--filter type=secret --filter event=create'),
  events('--filter type=service --filter event=update'),
  events('--filter type=service --filter service=e --filter event=remove'),
  events('--filter scope=swarm --filter type=service --format {{.Action}}'),
  events('--filter colour=red'),
];

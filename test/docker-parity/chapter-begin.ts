import { type Chapter, run, type Track } from './step.ts';

const beforeThereIsACluster: Track = [
  run('version'),
  run('info'),
  run('node ls'),
  run('service ls'),
  run('stack ls'),
  run('secret ls'),
  run('network create -d overlay early'),
  run('swarm leave'),
  run('swarm leave --force'),
  run('swarm join-token worker'),
  run('swarm init --advertise-addr nonsense'),
  run('swarm init --advertise-addr 127.0.0.1'),
  run('swarm init --advertise-addr 127.0.0.1'),
  run('swarm join-token worker'),
  run('swarm join-token -q manager'),
  run('swarm join-token --rotate -q worker'),
  run('swarm join-token nope'),
  run('swarm update --task-history-limit 3'),
  run('swarm unlock-key'),
  run('info'),
  run("info --format '{{.Swarm.LocalNodeState}} {{.Swarm.Managers}} {{.Swarm.Nodes}}'"),
];

/** From a fresh engine to a cluster. */
export const begin: Chapter = [beforeThereIsACluster];

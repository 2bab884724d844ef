import { type Chapter, quietly, run, runUntil, type Track, until } from './step.ts';
import { running } from './waits.ts';

const end: Track = [
  run('service ls'),
  run("node ps --filter desired-state=running --format '{{.Image}} {{.DesiredState}}' self"),
  run("ps --format '{{.Image}} {{.State}}' --filter label=com.docker.swarm.service.name=w"),
  run('node update --availability drain @node'),
  run('node ls'),
  until('ps -q --filter label=com.docker.swarm.service.name=w', /^$/),
  runUntil("service ls --format '{{.Name}} {{.Replicas}}'", /w 0/),
  run('node update --availability active @node'),
  running('w', 2),
  run('service rm w'),
  run('service ls'),
  until('ps -q --filter label=com.docker.swarm.task', /^$/),
  run('secret rm sec'),
  run('config rm cfg'),
  run('network rm net1'),
  // Swarm takes it off its list a moment after it said so.
  runUntil('network ls --filter scope=swarm', /^(?![^]*net1)/),
  run('swarm leave'),
  run('swarm leave --force'),
  run('node ls'),
  run("info --format '{{json .Swarm}}'"),
  run('network ls --filter scope=swarm'),
  quietly('volume rm vol'),
];

/** From a cluster back to an engine by itself. */
export const ending: Chapter = [end];

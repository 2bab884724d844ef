import { quietly, run, runUntil, type Track, until } from './step.ts';
import { running } from './waits.ts';
import { scenarioFiles } from './scenario-files.ts';

/** What is delivered, to whom it belongs, and that it is in memory. */
const shownInside =
  'cat /run/secrets/s1 /c1; ls -ln /run/secrets/s1 /c1 | cut -c1-24; stat -f -c %T /run/secrets/s1';

const stack: Track = [
  run('stack deploy -c st.yml st', { anyOrder: true }),
  running('st_web', 2),
  running('st_other', 1),
  run('stack deploy -c st.yml st', { anyOrder: true }),
  run('stack ls'),
  run("stack ls --format '{{.Name}} {{.Services}}'"),
  run('stack services st'),
  run('stack services --filter label=tier=web -q st'),
  run('stack services --filter name=st_other st'),
  run("stack services --format '{{.Name}} {{.Replicas}}' st"),
  run('stack ps st'),
  run('stack ps --no-trunc --no-resolve st', { anyOrder: true }),
  run('stack ps --filter desired-state=running -q st'),
  run('stack ps --filter name=st_web.1 st'),
  run("stack ps --format '{{.Name}} {{.Node}} {{.DesiredState}}' st"),
  run('stack ps --filter colour=red st'),
  run('service inspect st_web'),
  run('service inspect --pretty st_web'),
  run(`exec @container:st_web /bin/sh -c '${shownInside}'`),
  run('secret inspect st_s1'),
  run('config inspect st_c1'),
  run("network inspect --format '{{range .Containers}}{{println .Name}}{{end}}' st_front", {
    anyOrder: true,
  }),
  run('volume inspect st_data'),
  run('stack rm st', { anyOrder: true }),
  run('stack services st'),
  until('network ls -q --filter label=com.docker.stack.namespace=st', /^$/),
  run('stack rm st'),
  quietly('volume rm st_data'),
];

const small: Track = [
  run('stack deploy -c two.yml sm', { anyOrder: true }),
  run('stack services sm'),
  run('stack deploy --prune --compose-file - sm', {
    anyOrder: true,
    stdin: scenarioFiles['small.yml'] ?? '',
  }),
  runUntil('stack services sm', /sm_one/),
  run('stack deploy -c small.yml -c more.yml sm', { anyOrder: true }),
  run("service inspect --format '{{json .Spec.TaskTemplate}}' sm_one"),
  run('stack deploy --with-registry-auth --resolve-image never -c small.yml sm', {
    anyOrder: true,
  }),
  run('stack ps sm'),
  run('stack rm sm nope', { anyOrder: true }),
  run('stack services nope'),
  run('stack ps nope'),
  run('stack deploy -c no-such-file.yml sm'),
  run('stack deploy -c unknown-key.yml sm'),
  run('stack deploy -c wrong-type.yml sm'),
  run('stack deploy -c no-image.yml sm'),
  run('stack deploy -c outside.yml sm'),
  run('stack deploy -c no-secret.yml sm'),
  run('stack deploy -c small.yml -- -bad-'),
  run('stack deploy -c unsupported.yml sm', { anyOrder: true }),
  run("service inspect --format '{{json .Spec}}' sm_one"),
  quietly('stack rm sm'),
];

/** One after the other: `stack ls` shows them all. */
export const stacks: readonly Track[] = [[...stack, ...small]];

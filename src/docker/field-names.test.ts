import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dockerField } from './field-names.ts';

const names: readonly (readonly [ours: string, dockers: string])[] = [
  ['template.containers[0].image', 'TaskTemplate.ContainerSpec.Image'],
  ['template.containers[0]', 'TaskTemplate.ContainerSpec'],
  ['template.containers[0].limits.nanoCpus', 'TaskTemplate.Resources.Limits.NanoCPUs'],
  [
    'template.containers[0].healthCheck.intervalMs',
    'TaskTemplate.ContainerSpec.Healthcheck.Interval',
  ],
  ['template.containers[0].mounts[1].target', 'TaskTemplate.ContainerSpec.Mounts[1].Target'],
  ['template.restart.delayMs', 'TaskTemplate.RestartPolicy.Delay'],
  ['template.networks[0].aliases', 'TaskTemplate.Networks[0].Aliases'],
  ['spec.placement.constraints[2]', 'TaskTemplate.Placement.Constraints[2]'],
  ['spec.rollback.failureAction', 'RollbackConfig.FailureAction'],
  ['spec.ports', 'EndpointSpec.Ports'],
  ['spec.subnets[0].ipRange', 'IPAM.Config[0].IPRange'],
  ['spec.name', 'Name'],
  ['data', 'Data'],
];

for (const [ours, dockers] of names) {
  test(`${ours} is ${dockers} to users of docker`, () => {
    assert.equal(dockerField(ours), dockers);
  });
}

import { checkText, refuse, show } from './admission-check.ts';

/** As Swarm has it: a DNS label with `_` allowed inside (swarmkit manager/controlapi/common.go). */
const dnsName = /^[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?$/;
/** Secrets, configs, networks and stacks may have dots too. */
const dottedName = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?$/;

const dnsNameLength = 63;

export function checkServiceName(field: string, name: string): void {
  checkLength(field, name, dnsNameLength);
  checkText(field, name, {
    pattern: dnsName,
    expected:
      'name must be valid as a DNS name component: letters, digits, - and _, with a letter or ' +
      'digit at both ends',
  });
}

/** Names of secrets, configs and networks. */
export function checkObjectName(field: string, name: string, limit = 64): void {
  checkLength(field, name, limit);
  checkText(field, name, {
    pattern: dottedName,
    expected: 'letters, digits, -, _ and . are allowed, with a letter or digit at both ends',
  });
}

export function checkStackName(field: string, name: string): void {
  checkLength(field, name, dnsNameLength);
  checkText(field, name, {
    pattern: dnsName,
    expected: 'letters, digits, - and _ are allowed, with a letter or digit at both ends',
  });
}

function checkLength(field: string, name: string, limit: number): void {
  if (typeof name !== 'string' || name === '') refuse(field, `${field} is empty; give a name`);
  if (name.length <= limit) return;
  refuse(
    field,
    `${field} is ${show(name)} with ${name.length} characters; at most ${limit} are allowed`,
  );
}

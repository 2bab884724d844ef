import { refuse, refuseUnsupported } from './refuse.ts';
import type { PrivilegesDocument } from './schema-service.ts';

/**
 * Compiles Swarm's privileges to the security options that a container engine takes
 * (`docker run --security-opt`). A profile of seccomp comes base64-encoded.
 */
export function compilePrivileges(
  privileges: PrivilegesDocument | undefined,
  field: string,
): readonly string[] | undefined {
  if (privileges === undefined) return undefined;
  if (Object.keys(privileges.CredentialSpec ?? {}).length > 0) {
    refuseUnsupported(`${field}.CredentialSpec`, 'credential specifications of Windows are');
  }
  const options = [
    ...(privileges.NoNewPrivileges === true ? ['no-new-privileges'] : []),
    ...labelOptions(privileges.SELinuxContext),
    ...seccompOption(privileges.Seccomp, `${field}.Seccomp`),
    ...appArmorOption(privileges.AppArmor, `${field}.AppArmor`),
  ];
  return options.length === 0 ? undefined : options;
}

function labelOptions(context: PrivilegesDocument['SELinuxContext']): readonly string[] {
  if (context === undefined) return [];
  if (context.Disable === true) return ['label=disable'];
  return (['User', 'Role', 'Type', 'Level'] as const).flatMap((part) => {
    const value = context[part];
    return value === undefined || value === '' ? [] : [`label=${part.toLowerCase()}:${value}`];
  });
}

function seccompOption(seccomp: PrivilegesDocument['Seccomp'], field: string): readonly string[] {
  switch (seccomp?.Mode) {
    case undefined:
    case '':
    case 'default':
      return [];
    case 'unconfined':
      return ['seccomp=unconfined'];
    case 'custom':
      return [`seccomp=${decodeProfile(seccomp.Profile ?? '', `${field}.Profile`)}`];
    default:
      return refuse(`${field}.Mode`, `must be default, unconfined or custom, not ${seccomp?.Mode}`);
  }
}

function appArmorOption(
  appArmor: PrivilegesDocument['AppArmor'],
  field: string,
): readonly string[] {
  switch (appArmor?.Mode) {
    case undefined:
    case '':
    case 'default':
      return [];
    case 'disabled':
      return ['apparmor=unconfined'];
    default:
      return refuse(`${field}.Mode`, `must be default or disabled, not ${appArmor?.Mode}`);
  }
}

function decodeProfile(encoded: string, field: string): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.fromBase64(encoded));
    JSON.parse(text);
    return text;
  } catch {
    return refuse(field, 'must be a JSON profile, base64-encoded');
  }
}

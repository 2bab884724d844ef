import type { ContainerSpec, FileReference, Mount } from '../model/template.ts';
import { toNanoseconds } from './go-time.ts';
import { unlessEmpty, unlessZero } from './omit-empty.ts';

/**
 * A container as Docker's JSON, keys in the order of Go's structs. Absent and empty are told apart
 * as the docker CLI tells them apart: `service create` always sends a DNSConfig, `stack deploy`
 * always Privileges (docker/cli, service/opts.go and compose/convert/service.go).
 */
export function showContainer(
  container: ContainerSpec,
  options: { readonly fromStack: boolean; readonly insertDefaults: boolean },
): object {
  const { fromStack, insertDefaults } = options;
  return {
    Image: container.image,
    Labels: unlessEmpty(container.labels),
    Command: container.command,
    Args: container.args,
    Hostname: container.hostname,
    Env: unlessEmpty(container.env),
    Dir: container.workingDirectory,
    User: container.user,
    Groups: unlessEmpty(container.groups),
    Privileges: showPrivileges(container.securityOptions, fromStack),
    Init: container.init,
    StopSignal: container.stopSignal,
    TTY: unlessZero(container.tty),
    OpenStdin: unlessZero(container.openStdin),
    ReadOnly: unlessZero(container.readOnly),
    Mounts: unlessEmpty(container.mounts.map(showMount)),
    StopGracePeriod: showGracePeriod(container.stopGracePeriodMs, insertDefaults),
    Healthcheck: showHealthCheck(container.healthCheck),
    Hosts: unlessEmpty(container.hosts),
    DNSConfig: showDns(container.dns, { always: insertDefaults || !fromStack }),
    Secrets: unlessEmpty(
      container.secrets.map((secret) => ({
        File: showFile(secret),
        SecretID: secret.sourceId,
        SecretName: secret.sourceName,
      })),
    ),
    Configs: unlessEmpty(
      container.configs.map((config) => ({
        File: showFile(config),
        ConfigID: config.sourceId,
        ConfigName: config.sourceName,
      })),
    ),
    Isolation: container.isolation ?? 'default',
    Sysctls: unlessEmpty(container.sysctls),
    CapabilityAdd: unlessEmpty(container.capabilityAdd),
    CapabilityDrop: unlessEmpty(container.capabilityDrop),
    Ulimits: unlessEmpty(
      container.ulimits.map((limit) => ({ Name: limit.name, Hard: limit.hard, Soft: limit.soft })),
    ),
    OomScoreAdj: container.oomScoreAdjust,
  };
}

const defaultGracePeriodMs = 10_000;

function showGracePeriod(
  stopGracePeriodMs: number | undefined,
  insertDefaults: boolean,
): number | undefined {
  const shownMs = stopGracePeriodMs ?? (insertDefaults ? defaultGracePeriodMs : undefined);
  return shownMs === undefined ? undefined : toNanoseconds(shownMs);
}

function showDns(
  dns: ContainerSpec['dns'],
  options: { readonly always: boolean },
): object | undefined {
  const shown = {
    Nameservers: unlessEmpty(dns.nameservers),
    Search: unlessEmpty(dns.search),
    Options: unlessEmpty(dns.options),
  };
  const isEmpty = Object.values(shown).every((part) => part === undefined);
  return isEmpty && !options.always ? undefined : shown;
}

function showFile(file: FileReference): object {
  return { Name: file.target, UID: file.uid, GID: file.gid, Mode: file.mode };
}

function showHealthCheck(check: ContainerSpec['healthCheck']): object | undefined {
  if (check === undefined) return undefined;
  return {
    Test: unlessEmpty(check.test),
    Interval: showDuration(check.intervalMs),
    Timeout: showDuration(check.timeoutMs),
    StartPeriod: showDuration(check.startPeriodMs),
    StartInterval: showDuration(check.startIntervalMs),
    Retries: check.retries,
  };
}

function showDuration(durationMs: number | undefined): number | undefined {
  return durationMs === undefined ? undefined : toNanoseconds(durationMs);
}

function showMount(mount: Mount): object {
  const common = {
    Type: mount.type,
    Source: mount.type === 'tmpfs' ? undefined : mount.source,
    Target: mount.target,
    ReadOnly: unlessZero(mount.readOnly),
  };
  switch (mount.type) {
    case 'bind':
      return {
        ...common,
        BindOptions: unlessAllAbsent({
          Propagation: mount.propagation,
          NonRecursive: mount.nonRecursive,
          CreateMountpoint: mount.createHostPath,
        }),
      };
    case 'volume':
      return {
        ...common,
        VolumeOptions: unlessAllAbsent({
          NoCopy: mount.noCopy,
          Labels: unlessEmpty(mount.labels ?? {}),
          Subpath: mount.subpath,
          DriverConfig:
            mount.driver === undefined
              ? undefined
              : { Name: mount.driver.name, Options: unlessEmpty(mount.driver.options) },
        }),
      };
    case 'tmpfs':
      return {
        ...common,
        TmpfsOptions: unlessAllAbsent({ SizeBytes: mount.sizeBytes, Mode: mount.mode }),
      };
  }
}

function unlessAllAbsent(shown: object): object | undefined {
  return Object.values(shown).every((part) => part === undefined) ? undefined : shown;
}

/** The way back of `compilePrivileges`. */
function showPrivileges(
  securityOptions: readonly string[] | undefined,
  fromStack: boolean,
): object | undefined {
  const options = securityOptions ?? [];
  if (options.length === 0 && !fromStack) return undefined;
  const label = (part: string): string | undefined =>
    options.find((option) => option.startsWith(`label=${part}:`))?.slice(`label=${part}:`.length);
  const context = {
    Disable: options.includes('label=disable'),
    User: label('user') ?? '',
    Role: label('role') ?? '',
    Type: label('type') ?? '',
    Level: label('level') ?? '',
  };
  const profile = options.find((option) => option.startsWith('seccomp='))?.slice('seccomp='.length);
  return {
    CredentialSpec: null,
    SELinuxContext: options.some((option) => option.startsWith('label=')) ? context : null,
    Seccomp: profile === undefined ? undefined : showSeccomp(profile),
    AppArmor: options.includes('apparmor=unconfined') ? { Mode: 'disabled' } : undefined,
    NoNewPrivileges: options.includes('no-new-privileges') ? true : undefined,
  };
}

function showSeccomp(profile: string): object {
  if (profile === 'unconfined') return { Mode: 'unconfined' };
  return { Mode: 'custom', Profile: new TextEncoder().encode(profile).toBase64() };
}

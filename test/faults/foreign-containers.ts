import assert from 'node:assert/strict';
import { runApart } from '../fixture/run-apart.ts';

const image = 'tutti-test/busybox:1';

interface Seen {
  readonly id: string;
  readonly created: string;
  readonly running: boolean;
  readonly pid: number;
}

/** Containers that are nobody's business: one runs, one is finished, one looks like Swarm's. */
export class ForeignContainers {
  readonly #engineSocket: string;
  readonly #before: readonly Seen[];

  private constructor(engineSocket: string, before: readonly Seen[]) {
    this.#engineSocket = engineSocket;
    this.#before = before;
  }

  static async start(engineSocket: string): Promise<ForeignContainers> {
    const docker = dockerOf(engineSocket);
    await docker('network', 'create', 'foreign');
    const run = ['run', '--detach', '--restart=always', '--network=foreign'];
    await docker(...run, '--name=foreign-runs', image);
    const labels = [
      '--label=com.docker.swarm.task=',
      '--label=com.docker.swarm.task.id=foreign',
      '--label=com.docker.swarm.service.name=foreign',
      '--label=dev.tutti.cluster=another',
    ];
    await docker(...run, '--name=foreign-looks-like-ours', ...labels, image);
    await docker('run', '--network=foreign', '--name=foreign-is-finished', image, 'true');
    return new ForeignContainers(engineSocket, await look(docker));
  }

  /** What became of one of them that should not have; undefined: they are as they were. */
  async findProblem(mayHaveRestarted: boolean): Promise<string | undefined> {
    const now = await look(dockerOf(this.#engineSocket));
    for (const [index, before] of this.#before.entries()) {
      const after = now[index];
      if (after?.id !== before.id || after.created !== before.created) {
        return `the foreign container ${names[index]} is another one now`;
      }
      if (after.running !== before.running) {
        return `the foreign container ${names[index]} ${after.running ? 'runs' : 'does not run'}`;
      }
      if (!mayHaveRestarted && after.pid !== before.pid) {
        return `the foreign container ${names[index]} was started again`;
      }
    }
    return undefined;
  }

  async remove(): Promise<void> {
    const docker = dockerOf(this.#engineSocket);
    await docker('rm', '--force', '--volumes', ...names);
    await docker('network', 'rm', 'foreign');
  }
}

const names = ['foreign-runs', 'foreign-looks-like-ours', 'foreign-is-finished'];

type Docker = (...parameters: readonly string[]) => Promise<string>;

function dockerOf(engineSocket: string): Docker {
  return async (...parameters) => {
    const host = ['-H', `unix://${engineSocket}`];
    const { code, stdout, stderr } = await runApart('docker', [...host, ...parameters]);
    assert.equal(code, 0, `docker ${parameters.join(' ')}: ${stderr}`);
    return stdout;
  };
}

async function look(docker: Docker): Promise<readonly Seen[]> {
  const found = JSON.parse(await docker('inspect', ...names)) as readonly {
    readonly Id: string;
    readonly Created: string;
    readonly State: { readonly Running: boolean; readonly Pid: number };
  }[];
  return found.map((one) => ({
    id: one.Id,
    created: one.Created,
    running: one.State.Running,
    pid: one.State.Pid,
  }));
}

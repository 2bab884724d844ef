import type { PlaygroundMachine } from '../host/playground-machine.ts';
import { TuttiError } from '../lib/error.ts';
import { checkPlaygroundName } from './plan.ts';
import { dataRoot, placesOf, runRoot } from './places.ts';
import { until } from './programs.ts';
import { type PlaygroundState, readState } from './state.ts';

const turnLimitMs = 60_000;

/** What is remembered of playgrounds, and whose turn it is to change one. */
export class StateKeeper {
  readonly #machine: PlaygroundMachine;

  constructor(machine: PlaygroundMachine) {
    this.#machine = machine;
  }

  /** Undefined for a name that no playground has. */
  async read(name: string): Promise<PlaygroundState | undefined> {
    const { stateFile } = placesOf(name);
    const text = await this.#machine.readFile(stateFile);
    return text === undefined ? undefined : readState(text, stateFile);
  }

  async write(state: PlaygroundState): Promise<PlaygroundState> {
    const { stateFile, dataDirectory } = placesOf(state.name);
    await this.#machine.makeDirectory(dataDirectory);
    await this.#machine.replaceFile(stateFile, `${JSON.stringify(state, undefined, 2)}\n`);
    return state;
  }

  async readAll(): Promise<readonly PlaygroundState[]> {
    const states = await Promise.all((await this.names()).map((name) => this.read(name)));
    return states.filter((state) => state !== undefined);
  }

  /** Of all that left something, also where what it is was not written yet. */
  async names(): Promise<readonly string[]> {
    const roots = [runRoot, dataRoot].map((root) => this.#machine.listDirectory(root));
    return [...new Set((await Promise.all(roots)).flat())].toSorted();
  }

  /**
   * The playground of that name; without a name the only one.
   *
   * @throws TuttiError `not-found`, and `invalid-argument` where a name is needed.
   */
  async find(name: string | undefined): Promise<PlaygroundState> {
    if (name !== undefined) {
      const state = await this.read(checkPlaygroundName(name));
      if (state !== undefined) return state;
      throw await this.#notFound(`no such playground: ${name}`);
    }
    const [only, ...others] = await this.readAll();
    if (only === undefined) throw await this.#notFound('there is no playground');
    if (others.length === 0) return only;
    const names = [only, ...others].map((state) => state.name).join(', ');
    throw new TuttiError('invalid-argument', '--name: there are several playgrounds', {
      field: '--name',
      hint: `Name one of ${names}.`,
    });
  }

  async #notFound(message: string): Promise<TuttiError> {
    const names = (await this.readAll()).map((state) => state.name);
    const hint =
      names.length === 0
        ? 'tutti playground up makes one.'
        : `There is ${names.join(', ')}; tutti playground ls shows them.`;
    return new TuttiError('not-found', message, { field: '--name', hint });
  }

  /** Waits until no other process changes the playground, and keeps others waiting. */
  async takeTurn(name: string, signal: AbortSignal): Promise<AsyncDisposable> {
    return await until(this.#machine, {
      look: () => this.#machine.takeName(`tutti-playground/${name}`),
      limitMs: turnLimitMs,
      late: () => `another command is still at work on the playground ${name}`,
      signal,
    });
  }
}

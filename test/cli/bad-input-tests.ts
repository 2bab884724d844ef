import assert from 'node:assert/strict';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { writeBadBackups } from './bad-backups.ts';
import type { BadCase } from './bad-case.ts';
import { type BadCommand, badCommands, writeBadFiles } from './bad-cases.ts';
import type { CliNode } from './cli-node.ts';

const leastCases = 8;

/** Whatever is wrong is told in one sentence that names it, and nothing changes. */
export function registerBadInputTests(cli: () => CliNode): void {
  describe('bad input', () => {
    before(async () => {
      await writeBadFiles(cli());
      await symlink('circle.yml', join(cli().folder, 'circle.yml'));
      await cli().good('stack', 'deploy', '--detach', '-c', 'good.yml', 'there');
      await cli().node.untilStack('there');
      await writeBadBackups(cli());
    });
    for (const bad of badCommands) {
      const { command, cases } = bad;
      test(`tutti ${command.join(' ')} refuses ${cases.length} kinds of it`, async () => {
        assert.ok(cases.length >= leastCases);
        const before_ = await cli().node.revision();
        const accepted: string[] = [];
        for (const one of cases) accepted.push(...(await faultsOf(cli(), bad, one)));
        assert.deepEqual(accepted, []);
        assert.equal(await cli().node.revision(), before_, 'nothing changed');
      });
    }

    test('the program itself ends with these codes', async () => {
      const ends = [
        await cli().run(['bogus']),
        await cli().run(['--socket', '/nowhere.sock', 'status']),
        await cli().run(['stack', 'deploy', '-c', '-', 'st'], { input: 'services: [' }),
      ].map(({ code, stderr }) => `${code} ${stderr.split('\n')[0]}`);
      assert.deepEqual(ends.slice(0, 2), [
        "2 tutti: unknown command 'bogus'",
        '3 tutti: no daemon answers on /nowhere.sock: it is not there',
      ]);
      assert.match(ends[2] ?? '', /^2 tutti: .*stdin:1: /);
    });

    test('an error is JSON where JSON was asked for', async () => {
      const error = await cli().json(2, 'stack', 'deploy', '-c', 'warned.yml', '--strict', 'st');
      assert.deepEqual(error, {
        code: 'invalid-argument',
        message:
          'services.web.container_name: ignored: containers are named after service, slot and task; networks know this name',
        field: 'services.web.container_name',
        hint: 'Without --strict these are warnings.',
        exitCode: 2,
      });
    });
  });
}

/** What is wrong with how a case is refused. */
async function faultsOf(
  cli: CliNode,
  { command }: BadCommand,
  one: BadCase,
): Promise<readonly string[]> {
  const { code = 2, document, parameters, says, what } = one;
  if (document !== undefined) await cli.write('bad.yml', document);
  const finished = await cli.call([...command, ...parameters]);
  const { stderr, stdout } = finished;
  const [first = ''] = stderr.split('\n').filter((line) => !line.startsWith('warning: '));
  const faults = [
    finished.code === code ? [] : [`ends with ${finished.code}, not ${code}`],
    stdout === '' ? [] : [`prints a result: ${stdout}`],
    first.startsWith('tutti: ') && says.test(first) ? [] : [`does not say ${says}: ${stderr}`],
    /^ {4}at /m.test(stderr) ? ['shows a stack of calls'] : [],
  ].flat();
  return faults.map((fault) => `${what}: ${fault}`);
}

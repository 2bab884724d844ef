import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { RuleSession } from './rule-session.ts';

/** Says of a line that is no command what `nft --interactive` says, and notes all others. */
const talker = `#!/bin/sh
cd "\${0%/*}"
echo "Cannot read termcap database;" >&2
while read -r line; do
  case "$line" in
    tutti-done) printf 'Error: syntax error, unexpected newline\\n%s\\n    ^\\n' "$line" >&2 ;;
    *wrong*) printf 'Error: No such file or directory\\n%s\\n  ^^^^^\\n' "$line" >&2 ;;
    *odd*) printf 'Warning: this is odd\\n' >&2; echo "$line" >> notes ;;
    *die*) exit 1 ;;
    *hang*) exec sleep 600 ;;
    *) echo "$$ $line" >> notes ;;
  esac
done
`;
const noMode = '#!/bin/sh\necho "Error: no such mode" >&2\nexit 1\n';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tutti-rules-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

async function program(text: string): Promise<string> {
  const path = join(directory, 'nft');
  await writeFile(path, text);
  await chmod(path, 0o755);
  return path;
}

async function notes(): Promise<readonly string[]> {
  return (await readFile(join(directory, 'notes'), 'utf8')).trim().split('\n');
}

test('batches are lines of one program, one after the other', async () => {
  const session = new RuleSession(await program(talker));
  const done = [session.carryOut('add one\nadd two\n'), session.carryOut('add three\n')];
  assert.deepEqual(await Promise.all(done), [true, true]);
  const [first = '', second = ''] = await notes();
  const [pid = ''] = first.split(' ');
  assert.deepEqual([first, second], [`${pid} add one; add two`, `${pid} add three`]);
});

test('what is refused is told with its batch, and with no other', async () => {
  const session = new RuleSession(await program(talker));
  assert.equal(await session.carryOut('add odd\n'), true);
  await assert.rejects(session.carryOut('add wrong\n'), /nft failed: .*No such file[^]*add wrong/);
  assert.equal(await session.carryOut('add right\n'), true);
});

test('a program that ends, or hangs, is replaced, and its batch is not taken for done', async () => {
  const session = new RuleSession(await program(talker), { limitMs: 1_000 });
  assert.equal(await session.carryOut('add one\n'), true);
  for (const trouble of ['die', 'hang']) {
    await assert.rejects(session.carryOut(`${trouble}\n`), /before it said what became of it/);
    assert.equal(await session.carryOut('add more\n'), true);
  }
});

test('a program that knows no such mode, or is not there, did nothing', async () => {
  assert.equal(await new RuleSession(await program(noMode)).carryOut('add one\n'), false);
  assert.equal(await new RuleSession(join(directory, 'none')).carryOut('add one\n'), false);
});

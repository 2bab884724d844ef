import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Complaints } from './complaints.ts';

test('what fails again is warned of once, until it succeeds or fails otherwise', async () => {
  const lines: string[] = [];
  const no = async (what: string): Promise<void> => await Promise.reject(new Error(`no ${what}`));
  const to = (level: string) => (what: string, fields: object | undefined) =>
    void lines.push(`${level} ${what}: ${Object.values(fields ?? {}).join()}`);
  const complaints = new Complaints({
    debug: to('debug'),
    info: to('info'),
    warn: to('warn'),
    error: to('error'),
  });
  await complaints.about('a look', no('engine'));
  await complaints.about('a look', no('engine'));
  await complaints.about('another', no('engine'));
  await complaints.about('a look', no('answer'));
  await complaints.about('a look', Promise.resolve());
  await complaints.about('a look', no('answer'));
  assert.deepEqual(lines, [
    'warn a look: no engine',
    'debug a look: no engine',
    'warn another: no engine',
    'warn a look: no answer',
    'warn a look: no answer',
  ]);
});

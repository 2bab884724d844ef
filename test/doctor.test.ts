import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { onOwnHost } from './fixture/on-own-host.ts';
import { Link } from './doctor/link.ts';

/* Real packets between two hosts, by the devices that `tutti doctor net` makes for itself. */
onOwnHost(import.meta.filename, () => {
  let link: Link;
  before(async () => {
    link = await Link.make();
  });
  after(async () => await link[Symbol.asyncDispose]());

  test('hosts that reach each other with packets of full size say so', async () => {
    for (const [index, { paths, heard }] of (await link.look()).entries()) {
      const other = index === 0 ? 'host-2' : 'host-1';
      const { nodeId, answered, full, largestBytes } = paths[0] ?? {};
      assert.deepEqual(
        { nodeId, answered, full, largestBytes },
        {
          nodeId: other,
          answered: 10,
          full: true,
          largestBytes: 1_500,
        },
      );
      assert.deepEqual(heard, [other]);
    }
  });

  test('a port of the switch that takes 1,280 bytes is found, to a few bytes', async () => {
    await link.setMtu(2, 1_280);
    const [{ paths: toSecond }, { paths: toFirst }] = await link.look();
    await link.setMtu(2, 1_500);
    for (const [path] of [toSecond, toFirst]) {
      assert.equal(path?.answered, 10);
      // A switch lets a tag of four bytes pass.
      const largest = path.largestBytes ?? 0;
      assert.ok(largest >= 1_280 && largest <= 1_284, String(largest));
    }
  });

  test('a host that drops what comes in is told from one that is not heard', async () => {
    const chain = 'chain inet fw in { type filter hook input priority 0; policy drop; }';
    await link.filter(2, `add table inet fw; add ${chain}`);
    const [first, second] = await link.look();
    await link.filter(2, 'delete table inet fw');
    assert.equal(first.paths[0]?.answered, 0);
    assert.equal(second.paths[0]?.answered, 0);
    assert.deepEqual([first.heard, second.heard], [['host-2'], []]);
  });

  test('nothing is left of a look whose daemon was killed', async () => {
    await link.look();
    assert.deepEqual([await link.left(1), await link.left(2)], ['lo eth0', 'lo eth0']);
  });
});

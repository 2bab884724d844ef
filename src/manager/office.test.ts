import assert from 'node:assert/strict';
import { test } from 'node:test';
import { holderName, isVacant, Office } from './office.ts';

class TestTerm {
  readonly epoch: number;
  resumed = 0;
  stopped = 0;

  constructor(epoch: number) {
    this.epoch = epoch;
  }

  resume(): void {
    this.resumed += 1;
  }

  async stop(): Promise<void> {
    this.stopped += 1;
    await Promise.resolve();
  }
}

function setUp() {
  const terms: TestTerm[] = [];
  const may = { act: true };
  const office = new Office({
    nodeId: 'n1',
    mayAct: () => may.act,
    begin: (epoch) => {
      const term = new TestTerm(epoch);
      terms.push(term);
      return term;
    },
  });
  return { office, terms, may };
}

const held = (epoch: number, nodeId: string) => ({
  epoch,
  sign: `${epoch}`,
  holder: holderName(nodeId, 7, 1),
});

test('until somebody proves that it leads, nobody does', () => {
  const { office } = setUp();
  assert.equal(office.seat.kind, 'nobody');
  office.seen({ epoch: 3, sign: '' });
  assert.equal(office.leaderId, undefined);
});

test('who holds the epoch leads, also where that is told late and out of order', () => {
  const { office } = setUp();
  office.seen(held(5, 'n3'));
  office.seen(held(4, 'n2'));
  assert.deepEqual(office.seat, { kind: 'there', nodeId: 'n3' });
});

test('this manager leads from its term on, and only while it may act', () => {
  const { office, terms, may } = setUp();
  office.seen(held(5, 'n1'));
  assert.equal(office.seat.kind, 'nobody', 'the epoch alone is no term');
  office.lead(5);
  assert.deepEqual(office.seat, { kind: 'here', term: terms[0] });
  may.act = false;
  assert.equal(office.seat.kind, 'nobody');
  may.act = true;
  office.lead(5);
  assert.equal(terms.length, 1, 'it is the same term');
  assert.equal(terms[0]?.resumed, 1);
});

test('a term that is lost ends, and the next one is another', async () => {
  const { office, terms } = setUp();
  office.lead(5);
  office.seen(held(6, 'n2'));
  office.follow();
  assert.equal(terms[0]?.stopped, 1);
  assert.equal(office.leaderId, 'n2');
  office.lead(7);
  assert.equal(terms[1]?.epoch, 7);
  assert.equal(office.leaderId, 'n1');
  await office.stop();
  assert.equal(terms[1].stopped, 1);
});

test('a higher epoch of this manager ends the term of the one before', () => {
  const { office, terms } = setUp();
  office.lead(5);
  office.lead(6);
  assert.deepEqual(
    terms.map(({ epoch, stopped }) => [epoch, stopped]),
    [
      [5, 1],
      [6, 0],
    ],
  );
});

test('an epoch of an earlier life of this manager has no holder, nor has one that nobody proved', () => {
  assert.ok(isVacant(held(5, 'n1'), 'n1'));
  assert.ok(isVacant({ epoch: 5, sign: '' }, 'n1'));
  assert.ok(!isVacant(held(5, 'n11'), 'n1'));
});

test('those who wait are told of each change, and of nothing else', () => {
  const { office } = setUp();
  let told = 0;
  const stopListening = office.onChange(() => (told += 1));
  office.seen(held(5, 'n2'));
  office.seen(held(5, 'n2'));
  assert.equal(told, 1);
  office.lead(6);
  office.pause();
  office.follow();
  assert.equal(told, 4);
  stopListening();
  office.tell();
  assert.equal(told, 4);
});

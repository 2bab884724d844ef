import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TuttiError } from '../lib/error.ts';
import {
  checkDocument,
  goEnum,
  goFlag,
  goInteger,
  goList,
  goObject,
  goPort,
  goStringMap,
  goText,
} from './go-json.ts';

const schema = goObject(
  {
    Name: goText,
    Mode: goEnum(['vip', 'dnsrr']),
    Init: goFlag,
    Count: goInteger,
    Labels: goStringMap,
    Ports: goList(goObject({ Target: goPort })),
  },
  ['CheckDuplicate'],
);

test('keys are read in any case, null is absent, an empty enumeration is absent', () => {
  const document = checkDocument(schema, {
    name: 'w',
    MODE: '',
    Init: null,
    labels: { a: 'b' },
    checkduplicate: true,
  });
  assert.equal(document.Name, 'w');
  assert.equal(document.Mode, undefined);
  assert.equal(document.Init, undefined);
  assert.deepEqual(document.Labels, { a: 'b' });
});

const refused: readonly (readonly [unknown, string, string])[] = [
  [{ Nmae: 'w' }, 'Nmae: unknown key', 'Nmae'],
  [{ Ports: [{ Targt: 1 }] }, 'Ports[0].Targt: unknown key', 'Ports[0].Targt'],
  [JSON.parse('{"__proto__": 1}'), '__proto__: unknown key', '__proto__'],
  [{ Name: 5 }, 'Name: must be a string, not 5', 'Name'],
  [{ Name: ['a'] }, 'Name: must be a string, not a list', 'Name'],
  [{ Init: 'yes' }, 'Init: must be true or false, not "yes"', 'Init'],
  [{ Count: 1.5 }, 'Count: must be a whole number, not 1.5', 'Count'],
  [{ Count: '1' }, 'Count: must be a number, not "1"', 'Count'],
  [{ Labels: { a: 1 } }, 'Labels.a: must be a string, not 1', 'Labels.a'],
  [{ Labels: [] }, 'Labels: must be an object, not a list', 'Labels'],
  [{ Ports: {} }, 'Ports: must be a list, not an object', 'Ports'],
  [
    { Ports: [{ Target: 70_000 }] },
    'Ports[0].Target: must be at most 65535, not 70000',
    'Ports[0].Target',
  ],
  [{ Mode: 'rr' }, 'Mode: must be one of vip, dnsrr, not "rr"', 'Mode'],
  [[], 'body: must be an object, not a list', 'body'],
  [null, 'body: must be an object, not null', 'body'],
  ['x', 'body: must be an object, not "x"', 'body'],
];

for (const [document, sentence, field] of refused) {
  test(`${JSON.stringify(document)} is refused: ${sentence}`, () => {
    assert.throws(
      () => checkDocument(schema, document),
      (error) => {
        assert.ok(error instanceof TuttiError);
        assert.equal(error.code, 'invalid-argument');
        assert.equal(error.message, sentence);
        assert.equal(error.field, field);
        return true;
      },
    );
  });
}

test('a number that JavaScript cannot count exactly is refused, not rounded', () => {
  assert.throws(() => checkDocument(schema, { Count: 2 ** 60 }), /Count: must be at most/);
});

test('many faults are named up to three, the rest is counted', () => {
  const document = { Name: 1, Init: 2, Count: 'x', Labels: 3, Mode: 4 };
  assert.throws(() => checkDocument(schema, document), /^(?=.*Name)(?=.*\(and 2 more\)$)/);
});

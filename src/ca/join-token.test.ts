import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { newJoinToken, parseJoinToken, rootIdOf } from './join-token.ts';

const rootId = '05vtc65yf7ggo6ielc0opfaf21bzk3ebxa963wsr4zmmcfmz9a';
const secret = '0ekadvluy243vicgpobut56km';

test('a token that Swarm made is read', () => {
  assert.deepEqual(parseJoinToken(`SWMTKN-1-${rootId}-${secret}`), {
    kind: 'token',
    rootId,
    secret,
  });
});

test('what is made is read again, whatever the dice say', () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  fc.assert(
    fc.property(bytes(32), bytes(16), (digest, random) => {
      const token = newJoinToken(rootIdOf(digest), () => random);
      assert.match(token, /^SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}$/);
      const parsed = parseJoinToken(token);
      assert.ok(parsed.kind === 'token');
      assert.equal(parsed.rootId, rootIdOf(digest));
    }),
  );
});

test('another byte of the digest or of the secret is another token', () => {
  const digest = new Uint8Array(32).fill(7);
  const random = new Uint8Array(16).fill(7);
  const token = newJoinToken(rootIdOf(digest), () => random);
  for (let at = 0; at < 32; at += 1) {
    assert.notEqual(rootIdOf(digest.with(at, 8)), rootIdOf(digest));
  }
  for (let at = 0; at < 16; at += 1) {
    assert.notEqual(
      newJoinToken(rootIdOf(digest), () => random.with(at, 8)),
      token,
    );
  }
});

const badTokens: readonly (readonly [string, string, RegExp])[] = [
  ['nothing', '', /does not begin with SWMTKN-/],
  ['a word', 'token', /does not begin with SWMTKN-/],
  ['a token for FIPS', `SWMTKN-2-1-${rootId}-${secret}`, /version is "2", known is 1/],
  ['half a token', `SWMTKN-1-${rootId}`, /secret has 0 characters, not 25/],
  ['a cut secret', `SWMTKN-1-${rootId}-${secret.slice(1)}`, /secret has 24 characters/],
  ['a cut digest', `SWMTKN-1-${rootId.slice(1)}-${secret}`, /authority has 49 characters/],
  ['capital letters', `SWMTKN-1-${rootId.toUpperCase()}-${secret}`, /not 50 of 0-9a-z/],
  ['two tokens', `SWMTKN-1-${rootId}-${secret}-${secret}`, /more than four parts/],
  ['a digest of other letters', `SWMTKN-1-${rootId.slice(1)}é-${secret}`, /not 50 of 0-9a-z/],
];

for (const [name, text, message] of badTokens) {
  test(`${name} is no token, and the sentence keeps the secret`, () => {
    const parsed = parseJoinToken(text);
    assert.ok(parsed.kind === 'refused');
    assert.equal(parsed.reason, 'malformed-token');
    assert.match(parsed.message, message);
    assert.ok(!parsed.message.includes(secret.slice(1)));
  });
}

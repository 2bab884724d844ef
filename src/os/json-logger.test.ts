import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TuttiError } from '../lib/error.ts';
import type { LogLevel } from './json-logger.ts';
import { JsonLogger } from './json-logger.ts';

function logger(level: LogLevel): { readonly logger: JsonLogger; readonly lines: string[] } {
  const lines: string[] = [];
  const write = (line: string): void => {
    lines.push(line);
  };
  return { logger: new JsonLogger({ level, name: 'manager', write, now: () => 0 }), lines };
}

describe('a log line', () => {
  it('is one JSON object with time, level, name and message, which fields cannot replace', () => {
    const { logger: log, lines } = logger('debug');
    log.info('started\nagain', { port: 80, message: 'mine' });
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /^[^\n]+\n$/);
    assert.deepEqual(JSON.parse(lines[0] ?? ''), {
      port: 80,
      time: '1970-01-01T00:00:00.000Z',
      level: 'info',
      name: 'manager',
      message: 'started\nagain',
    });
  });

  it('is left out below the level', () => {
    const { logger: log, lines } = logger('warn');
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    assert.equal(lines.length, 2);
  });

  it('tells errors with their cause, and numbers too large for JSON', () => {
    const { logger: log, lines } = logger('debug');
    const error = new TuttiError('not-found', 'no such thing', { cause: new Error('deeper') });
    log.error('failed', { error, size: 2n ** 70n, seen: new Set(['a']) });
    const line = JSON.parse(lines[0] ?? '') as Record<string, Record<string, unknown>>;
    assert.equal(line['error']?.['code'], 'not-found');
    assert.partialDeepStrictEqual(line['error'], { cause: { message: 'deeper' } });
    assert.equal(line['size'], '1180591620717411303424');
    assert.deepEqual(line['seen'], ['a']);
  });

  it('says that its fields were left out when they have no JSON', () => {
    const { logger: log, lines } = logger('debug');
    const circle: Record<string, unknown> = {};
    circle['circle'] = circle;
    log.error('failed', circle);
    const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
    assert.equal(line['message'], 'failed');
    assert.match(String(line['fieldsLeftOut']), /circular/i);
  });

  it('a line that cannot be written is left out, and the next one is tried again', () => {
    const lines: string[] = [];
    let isFull = true;
    const logger = new JsonLogger({
      name: 'test',
      level: 'info',
      write: (line) => {
        if (isFull) throw new Error('ENOSPC: no space left on device, write');
        lines.push(line);
      },
    });
    logger.error('lost');
    isFull = false;
    logger.error('told');
    assert.match(lines.join(''), /^[^\n]*told[^\n]*\n$/);
  });
});

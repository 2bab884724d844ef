import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { TuttiError } from '../lib/error.ts';
import {
  keyOfRequest,
  makeRequest,
  makeRoot,
  signCross,
  signNode,
} from './certificates-library.ts';
import type { CertificateAnswer, CertificateCall } from './certificates-protocol.ts';

/** The process that makes certificates; ends when nobody asks any more, or who asked is gone. */
export async function serveCertificates(input: Readable, output: Writable): Promise<void> {
  for await (const line of createInterface({ input })) {
    output.write(`${JSON.stringify(await answer(line))}\n`);
  }
}

async function answer(line: string): Promise<CertificateAnswer> {
  try {
    return { kind: 'made', made: await make(JSON.parse(line) as CertificateCall) };
  } catch (reason) {
    const { code, message } = TuttiError.from(reason);
    return { kind: 'failed', code, message };
  }
}

async function make(call: CertificateCall) {
  switch (call.kind) {
    case 'root':
      return await makeRoot(call.asks);
    case 'request':
      return await makeRequest(call.asks.key);
    case 'key':
      return await keyOfRequest(call.asks.request);
    case 'node':
      return await signNode(call.asks);
    case 'cross':
      return await signCross(call.asks);
  }
}

import { after, before } from 'node:test';
import { registerBadInputTests } from './cli/bad-input-tests.ts';
import { CliNode } from './cli/cli-node.ts';
import { registerDocumentTests, registerTerminalTests } from './cli/document-tests.ts';
import { registerNodeTests } from './cli/node-tests.ts';
import { registerStackTests } from './cli/stack-tests.ts';
import { registerTroubleTests } from './cli/trouble-tests.ts';
import { onOwnHost } from './fixture/on-own-host.ts';

let cli: CliNode;

onOwnHost(import.meta.filename, () => {
  before(async () => {
    cli = await CliNode.start();
  });
  after(async () => await cli[Symbol.asyncDispose]());
  registerStackTests(() => cli);
  registerTroubleTests(() => cli);
  registerDocumentTests(() => cli);
  registerTerminalTests(() => cli);
  registerNodeTests(() => cli);
  registerBadInputTests(() => cli);
});

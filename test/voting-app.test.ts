import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { castVotes } from '../examples/voting-app/cast-votes.ts';
import { repositoryRoot } from '../tools/root.ts';
import { readMachineState, type MachineState } from './fixture/machine-state.ts';
import { onOwnHost } from './fixture/on-own-host.ts';
import { TestNode } from './fixture/test-node.ts';
import { findBrowser, watchPage } from './voting-app/browser.ts';
import { makeOtherMachine } from './voting-app/other-machine.ts';
import { countRows, databaseAddress, untilCounted, untilServed } from './voting-app/votes.ts';

const votePage = 'http://127.0.0.1:8080/';
const resultPage = 'http://127.0.0.1:8081/';
const composeFile = join(repositoryRoot, 'examples/voting-app/compose.yml');
const corpus = process.env['TUTTI_CORPUS'] ?? join(repositoryRoot, '../shared/corpus');
const upstreamFile = join(corpus, 'voting-app/docker-stack.yml');
/** So the votes last longer than it takes to replace both replicas of `vote`. */
const bodyDelayMs = 200;

const withoutUpstream = existsSync(upstreamFile)
  ? false
  : `${upstreamFile} is not there; TUTTI_CORPUS names another folder`;

let before_: MachineState;
let node: TestNode;

function register(): void {
  before(async () => {
    const engineSocket = process.env['TUTTI_TEST_ENGINE'] ?? '';
    before_ = await readMachineState(engineSocket, []);
    node = await TestNode.start({ engineSocket });
  });
  after(async () => await node[Symbol.asyncDispose]());
  registerUpstream();
  registerOwn();
}

function registerUpstream(): void {
  const deployers = {
    'docker stack deploy': async () => {
      await node.docker('swarm', 'init', '--advertise-addr', '127.0.0.1');
      await node.docker('stack', 'deploy', '--compose-file', upstreamFile, 'voteapp');
    },
    'tutti stack deploy': async () => {
      const { code, stderr } = await node.tutti(['stack', 'deploy', '-c', upstreamFile, 'voteapp']);
      assert.equal(code, 0, stderr);
    },
  };
  for (const [deployer, deploy] of Object.entries(deployers)) {
    describe(`the well-known voting app, unchanged, by ${deployer}`, {
      skip: withoutUpstream,
    }, () => {
      before(deploy);
      after(async () => {
        await node.docker('stack', 'rm', 'voteapp');
        await node.untilGone('voteapp');
        await node.removeVolumes('voteapp');
      });

      test('runs, and counts votes', async () => {
        await node.untilStack('voteapp');
        await Promise.all([votePage, resultPage].map(untilServed));
        const { failures } = await castVotes({ url: votePage, votes: 12, concurrency: 4 });
        assert.deepEqual(failures, []);
        await untilCounted(resultPage, 12);
      });

      test('keeps the database from who does not share a network with it', async () => {
        const address = await databaseAddress(node, 'voteapp');
        const ask = (service: string, ...command: readonly string[]) =>
          node.tryDocker('exec', service, ...command);
        const worker = await containerOf('voteapp_worker');
        const vote = await containerOf('voteapp_vote');
        assert.equal((await ask(worker, 'nslookup', 'db')).code, 0, 'the worker knows db');
        assert.equal((await ask(worker, ...connectTo(address))).code, 0, 'and reaches it');
        assert.notEqual((await ask(vote, 'nslookup', 'db')).code, 0, 'vote knows db');
        assert.notEqual((await ask(vote, ...connectTo(address))).code, 0, 'vote reaches db');
      });
    });
  }
}

/** Ends with 0 when the database takes a connection, and with 1 when none comes about. */
const connectTo = (address: string) => [
  'node',
  '-e',
  `require('node:net').connect(5432, '${address}')
    .on('connect', () => process.exit(0))
    .on('error', () => process.exit(1))
    .setTimeout(2000, () => process.exit(1));`,
];

async function containerOf(service: string): Promise<string> {
  const filter = `label=com.docker.swarm.service.name=${service}`;
  const ids = await node.docker('ps', '--quiet', '--filter', filter);
  return ids.split('\n')[0] ?? '';
}

function registerOwn(): void {
  describe('the voting app of this repository', () => {
    let scratch = '';

    before(async () => {
      scratch = await mkdtemp(join(tmpdir(), 'tutti-voting-app-'));
      const ownFile = join(scratch, 'compose.yml');
      await copyFile(composeFile, ownFile);
      await writeFile(join(scratch, 'db-password.txt'), 'of a test\n');
      const { code, stdout, stderr } = await node.tutti(['stack', 'deploy', '-c', ownFile]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /http:\/\/localhost:8080/);
    });
    after(async () => {
      await rm(scratch, { recursive: true });
    });

    test('3,000 votes, 50 at a time from two machines, during an update of vote are 3,000 rows', async () => {
      await using other = await makeOtherMachine();
      const old = new Set(await hostNames('voting_vote'));
      const half = { votes: 1_500, concurrency: 25, bodyDelayMs };
      const [here, there] = await Promise.all([
        castVotes({ ...half, url: votePage }),
        other.castVotes({ ...half, url: `http://${other.address}:8080/` }),
        node.docker('service', 'update', '--quiet', '--image', 'tutti-demo/vote:2', 'voting_vote'),
      ]);
      for (const { cast, failures, servedBy } of [
        { ...here, servedBy: Object.fromEntries(here.servedBy) },
        there,
      ]) {
        assert.deepEqual(failures, []);
        assert.equal(cast.total, 1_500);
        const servers = Object.keys(servedBy);
        assert.equal(servers.filter((name) => old.has(name)).length, 2, 'the old ones took votes');
        assert.equal(servers.filter((name) => !old.has(name)).length, 2, 'the new ones took votes');
      }
      await untilCounted(resultPage, 3_000);
      assert.equal(await countRows(node, 'voting'), 3_000);
      const images = await node.docker(
        'service',
        'ps',
        '--format={{.Image}} {{.DesiredState}}',
        'voting_vote',
      );
      assert.equal(images.match(/vote:2 Running/g)?.length, 2, images);
    });

    test('the result page changes in a browser without a reload', async (context) => {
      const browser = findBrowser();
      if (browser === undefined) return context.skip('no Chromium here');
      await using page = await watchPage(browser, resultPage);
      assert.equal(await page.total(), '3,000 votes');
      await castVotes({ url: votePage, votes: 7, concurrency: 7 });
      await page.untilTotal('3,007 votes');
      assert.equal(await page.loads(), 1);
    });

    test('leaves nothing on the machine', async () => {
      const { code, stderr } = await node.tutti(['stack', 'rm', 'voting']);
      assert.equal(code, 0, stderr);
      await node.removeVolumes('voting');
      await node.leave();
      const { engineSocket, directory } = node;
      assert.deepEqual(await readMachineState(engineSocket, [directory]), before_);
    });
  });
}

async function hostNames(service: string): Promise<readonly string[]> {
  const filter = `label=com.docker.swarm.service.name=${service}`;
  return (await node.docker('ps', '--quiet', '--filter', filter)).split('\n');
}

onOwnHost(import.meta.filename, register);

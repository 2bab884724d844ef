import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempDisposableSync, readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { runApart } from '../fixture/run-apart.ts';

const manifestType = 'application/vnd.docker.distribution.manifest.v2+json';

interface Blob {
  readonly type: string;
  readonly content: Buffer;
}

/** A registry of one image that asks for a name and a password (Registry HTTP API V2). */
export interface PrivateRegistry extends AsyncDisposable {
  /** Such as `127.0.0.1:5000/private/app:1`. */
  readonly image: string;
  readonly host: string;
  /** Requests that came with the right credentials, and without. */
  readonly counts: { readonly allowed: number; readonly refused: number };
}

/** Serves an image of a container engine under another name. */
export async function startPrivateRegistry(
  from: { readonly engineSocket: string; readonly image: string },
  login: { readonly username: string; readonly password: string },
): Promise<PrivateRegistry> {
  const blobs = await readImage(from.engineSocket, from.image);
  const expected = `Basic ${btoa(`${login.username}:${login.password}`)}`;
  const counts = { allowed: 0, refused: 0 };
  const server = createServer((request, response) => {
    const isAllowed = request.headers.authorization === expected;
    counts[isAllowed ? 'allowed' : 'refused'] += 1;
    if (isAllowed) answer(blobs, { path: request.url ?? '', method: request.method, response });
    else response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="private"' }).end();
  });
  // The engine takes registries of this machine without TLS.
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    image: `${host}/private/app:1`,
    counts,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function answer(
  blobs: ReadonlyMap<string, Blob>,
  to: {
    readonly path: string;
    readonly method: string | undefined;
    readonly response: ServerResponse;
  },
): void {
  const { path, method, response } = to;
  if (path === '/v2/') {
    response.writeHead(200).end('{}');
    return;
  }
  const name = /^\/v2\/private\/app\/(?:manifests|blobs)\/(.+)$/.exec(path)?.[1] ?? '';
  const blob = blobs.get(name);
  if (blob === undefined) {
    response.writeHead(404).end('{}');
    return;
  }
  response.writeHead(200, {
    'Content-Type': blob.type,
    'Content-Length': blob.content.length,
    'Docker-Content-Digest': digestOf(blob.content),
  });
  response.end(method === 'HEAD' ? undefined : blob.content);
}

/** Manifest, configuration and layers by their digests, and the manifest by its tag. */
async function readImage(engineSocket: string, image: string): Promise<ReadonlyMap<string, Blob>> {
  using scratch = mkdtempDisposableSync(join(tmpdir(), 'tutti-registry-'));
  const archive = join(scratch.path, 'image.tar');
  await expectSuccess('docker', ['-H', `unix://${engineSocket}`, 'save', '-o', archive, image]);
  await expectSuccess('tar', ['-xf', archive, '-C', scratch.path]);
  const read = (file: string): Buffer => readFileSync(join(scratch.path, file));
  const [saved] = JSON.parse(read('manifest.json').toString()) as readonly {
    readonly Config: string;
    readonly Layers: readonly string[];
  }[];
  const config = {
    type: 'application/vnd.docker.container.image.v1+json',
    content: read(saved?.Config ?? ''),
  };
  const layers = (saved?.Layers ?? []).map((file) => ({
    type: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
    content: gzipSync(read(file)),
  }));
  const manifest = {
    type: manifestType,
    content: Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: manifestType,
        config: describe(config),
        layers: layers.map(describe),
      }),
    ),
  };
  const blobs = [manifest, config, ...layers].map(
    (blob) => [digestOf(blob.content), blob] as const,
  );
  return new Map([...blobs, ['1', manifest]]);
}

function describe({ type, content }: Blob) {
  return { mediaType: type, size: content.length, digest: digestOf(content) };
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

async function expectSuccess(program: string, parameters: readonly string[]): Promise<void> {
  const { code, stderr } = await runApart(program, parameters);
  if (code !== 0) throw new Error(`${program} ${parameters.join(' ')} failed: ${stderr}`);
}

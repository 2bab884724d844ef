import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TuttiError } from '../../src/lib/error.ts';
import type { ImageRequest } from './catalog.ts';
import { updatePackageLists } from './debian-packages.ts';
import { connectEngine } from './engine-api.ts';
import type { EngineApi, FoundImage } from './engine-api.ts';
import {
  composeImage,
  composeManifest,
  imageKey,
  imageKeyLabel,
  judgeImage,
  layerFile,
} from './image.ts';
import type { Image, ImageOutcome } from './image.ts';
import { describeLayer } from './layer-content.ts';
import type { LayerContent } from './layer-content.ts';
import { layerKey, makeLayer } from './layer.ts';
import type { Layer } from './layer.ts';
import { imageRecipe } from './recipes.ts';
import type { ImageRecipe } from './recipes.ts';

const cacheRoot = fileURLToPath(new URL('../../.cache/images', import.meta.url));

export interface EnsureImagesOptions {
  /** The engine's Unix socket, as a path or as `unix://` with a path. */
  readonly engineSocket: string;
  readonly images: readonly ImageRequest[];
  /** Told what is being done, a line at a time; silent when there is nothing to do. */
  readonly report?: (line: string) => void;
}

/** What became of a request; see `judgeImage`. */
export interface EnsuredImage {
  readonly tag: string;
  readonly outcome: ImageOutcome;
}

/**
 * Makes sure that an engine has images, building them from the distribution's packages where it
 * does not. Needs no registry of images. What was built before is taken from the cache.
 */
export async function ensureImages(options: EnsureImagesOptions): Promise<readonly EnsuredImage[]> {
  try {
    return await ensureOnce(options);
  } catch (error) {
    // The lists of packages may name versions that the mirror has replaced since.
    if (TuttiError.from(error).code !== 'not-found') throw error;
    await updatePackageLists(options.report ?? (() => {}));
    return ensureOnce(options);
  }
}

async function ensureOnce(options: EnsureImagesOptions): Promise<readonly EnsuredImage[]> {
  const report = options.report ?? (() => {});
  const engine = connectEngine(options.engineSocket);
  const ensured: EnsuredImage[] = [];
  const wanted: PlannedImage[] = [];
  const outdated: FoundImage[] = [];
  for (const request of options.images) {
    const planned = await planImage(request, report);
    const found = await engine.findImage(request.tag);
    const outcome = judgeImage(found?.labels, planned.key);
    ensured.push({ tag: request.tag, outcome });
    if (outcome === 'foreign') report(`${request.tag} is there and was not made here; it stays`);
    if (outcome !== 'loaded') continue;
    wanted.push(planned);
    if (found !== undefined) outdated.push(found);
  }
  if (wanted.length > 0) await loadImages(engine, await makeImages(wanted, report), report);
  // Their names went to the new images. What a container still uses stays until that is gone.
  for (const { id } of outdated) await engine.removeImage(id);
  return ensured;
}

/** Removes those of the images that were made here; others of the same name stay. */
export async function removeImages(options: EnsureImagesOptions): Promise<void> {
  const engine = connectEngine(options.engineSocket);
  for (const { tag } of options.images) {
    const found = await engine.findImage(tag);
    if (found?.labels[imageKeyLabel] === undefined) continue;
    const outcome = await engine.removeImage(tag);
    options.report?.(`${tag}: ${outcome}`);
  }
}

interface PlannedImage {
  readonly request: ImageRequest;
  readonly recipe: ImageRecipe;
  readonly key: string;
  readonly contents: readonly LayerContent[];
}

async function planImage(
  request: ImageRequest,
  report: (line: string) => void,
): Promise<PlannedImage> {
  const recipe = imageRecipe(request.recipe, request.version);
  const contents: LayerContent[] = [];
  for (const layer of recipe.layers) {
    const cacheDirectory = join(cacheRoot, 'packages');
    contents.push(await describeLayer(layer, { cacheDirectory, report }));
  }
  return { request, recipe, contents, key: imageKey(recipe, contents.map(layerKey)) };
}

async function makeImages(
  wanted: readonly PlannedImage[],
  report: (line: string) => void,
): Promise<readonly Image[]> {
  const images: Image[] = [];
  for (const { recipe, key, contents, request } of wanted) {
    const layers: Layer[] = [];
    for (const content of contents) {
      layers.push(await makeLayer(content, { cacheDirectory: join(cacheRoot, 'layers'), report }));
    }
    images.push(composeImage({ recipe, key, layers, tags: [request.tag] }));
  }
  return images;
}

/** Hands all images to the engine in one archive, in which layers they share lie once. */
async function loadImages(
  engine: EngineApi,
  images: readonly Image[],
  report: (line: string) => void,
): Promise<void> {
  const layers = new Map(images.flatMap((image) => image.layers).map((one) => [one.diffId, one]));
  const sizeBytes = [...layers.values()].reduce((sum, layer) => sum + layer.sizeBytes, 0);
  const tags = images.flatMap((image) => image.tags);
  report(`loading ${tags.join(', ')} (${Math.ceil(sizeBytes / 1e6)} MB)`);
  await mkdir(cacheRoot, { recursive: true });
  const directory = await mkdtemp(join(cacheRoot, 'loading-'));
  try {
    await writeFile(join(directory, 'manifest.json'), composeManifest(images));
    for (const { configFile, config } of images)
      await writeFile(join(directory, configFile), config);
    for (const layer of layers.values()) {
      await symlink(layer.path, join(directory, layerFile(layer)));
    }
    await streamDirectory(directory, engine);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function streamDirectory(directory: string, engine: EngineApi): Promise<void> {
  const tar = spawn(
    'tar',
    ['--create', '--file=-', '--dereference', '--directory', directory, '.'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const ended = new Promise<number | null>((resolve, reject) => {
    tar.once('error', reject);
    tar.once('close', resolve);
  });
  const [code] = await Promise.all([ended, engine.loadImages(tar.stdout)]);
  if (code !== 0) throw new TuttiError('internal', `tar ended with ${code} while loading images.`);
}

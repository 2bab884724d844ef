import { contentHash } from './content-hash.ts';
import type { Layer } from './layer.ts';
import type { ImageRecipe } from './recipes.ts';

/** Marks an image as made here, and says from what: images without it are never touched. */
export const imageKeyLabel = 'org.tutti.image-key';

/** The name of what a recipe makes, known before it is made. */
export function imageKey(recipe: ImageRecipe, layerKeys: readonly string[]): string {
  const { layers: _, ...settings } = recipe;
  return contentHash(JSON.stringify({ settings, layerKeys })).slice(0, 32);
}

/**
 * - `present`: the engine has what the recipe makes.
 * - `loaded`: it has no image of that name, or an older one made here, and so gets it.
 * - `foreign`: the image of that name was not made here; it stays.
 */
export type ImageOutcome = 'present' | 'loaded' | 'foreign';

/** What is to be done about an image, from the labels that the engine shows; undefined: none. */
export function judgeImage(
  labels: Readonly<Record<string, string>> | undefined,
  key: string,
): ImageOutcome {
  if (labels === undefined) return 'loaded';
  const foundKey = labels[imageKeyLabel];
  if (foundKey === undefined) return 'foreign';
  return foundKey === key ? 'present' : 'loaded';
}

/** An image as container engines load it. */
export interface Image {
  /** The name of the file that holds `config` in the archive. */
  readonly configFile: string;
  readonly config: string;
  readonly layers: readonly Layer[];
  readonly tags: readonly string[];
}

export interface ComposeImageOptions {
  readonly recipe: ImageRecipe;
  readonly key: string;
  readonly layers: readonly Layer[];
  readonly tags: readonly string[];
}

/** Writes the configuration of an image; https://github.com/opencontainers/image-spec. */
export function composeImage({ recipe, key, layers, tags }: ComposeImageOptions): Image {
  const environment = Object.entries(recipe.environment);
  const created = '1970-01-01T00:00:00Z';
  const config = JSON.stringify({
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    created,
    config: {
      Env: environment.map(([name, value]) => `${name}=${value}`),
      Entrypoint: recipe.entrypoint.length === 0 ? null : recipe.entrypoint,
      Cmd: recipe.command,
      WorkingDir: recipe.workingDirectory,
      ExposedPorts: Object.fromEntries(recipe.exposedPorts.map((port) => [port, {}])),
      Labels: { [imageKeyLabel]: key },
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created, created_by: 'tutti tools/images' })),
  });
  return { configFile: `${contentHash(config)}.json`, config, layers, tags };
}

/** The `manifest.json` of an archive with several images. */
export function composeManifest(images: readonly Image[]): string {
  return JSON.stringify(
    images.map(({ configFile, layers, tags }) => ({
      Config: configFile,
      RepoTags: tags,
      Layers: layers.map(layerFile),
    })),
  );
}

/** The name of a layer inside the archive. */
export function layerFile(layer: Layer): string {
  return `${layer.diffId.replace('sha256:', '')}.tar`;
}

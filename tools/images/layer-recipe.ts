/** One entry of a layer; paths are absolute inside the image, without a trailing slash. */
export type LayerEntry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'text'; readonly path: string; readonly mode: number; readonly text: string }
  | {
      readonly kind: 'copy';
      readonly path: string;
      readonly mode: number;
      readonly from: string;
      /** Says what the file is where reading it all would take long, such as name and version. */
      readonly identity?: string;
    };

/**
 * How to make one layer of an image. Layers that are made alike are stored once, in the cache and
 * in the container engine, so images share what they have in common.
 */
export type LayerRecipe =
  | {
      /** Packages of the distribution with what they need beyond the layers below. */
      readonly kind: 'packages';
      readonly packages: readonly string[];
      /** What was asked for in the layers below. */
      readonly below: readonly string[];
      /** Paths that are left out, relative to `/`; `*` stands for one name or a part of one. */
      readonly leftOut: readonly string[];
    }
  | {
      /** What a `package-lock.json` names for run time, from where npm installed it. */
      readonly kind: 'node-modules';
      /** The directory with `package.json` and `package-lock.json`. */
      readonly directory: string;
      /** Where `node_modules` goes in the image. */
      readonly path: string;
    }
  | {
      readonly kind: 'entries';
      /** What they are, for people. */
      readonly what: string;
      readonly entries: readonly LayerEntry[];
    };

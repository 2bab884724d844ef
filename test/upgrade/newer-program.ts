import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repositoryRoot } from '../../tools/root.ts';
import type { Edit } from './program-copy.ts';

/** What the migration of the next version gives to each service. */
export const migratedLabel = 'upgraded.to';

/** What package.json says of this tree. */
export async function currentVersion(): Promise<string> {
  const text = await readFile(join(repositoryRoot, 'package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

/** A version that says more on every link, and leaves the store as it is. */
function patchEdits(versions: { readonly from: string; readonly to: string }): readonly Edit[] {
  const { from, to } = versions;
  return [
    {
      file: 'src/main.ts',
      find: `const version = '${from}'`,
      replace: `const version = '${to}'`,
    },
    { file: 'package.json', find: `"version": "${from}"`, replace: `"version": "${to}"` },
    // A field and a kind of message that a manager of before does not know.
    {
      file: 'src/agent/manager-link.ts',
      find: 'await session.send(hello);',
      replace:
        `await session.send({ ...hello, ...{ mood: 'of ${to}' } });\n` +
        `      await session.send({ kind: 'weather', sky: 'clear' } as never);`,
    },
    // The same for an agent of before.
    {
      file: 'src/manager/sessions.ts',
      find: "session.request({\n      kind: 'lease',",
      replace:
        `session.request({ kind: 'weather', sky: 'clear' } as never);\n` +
        `    session.request({\n      ...{ mood: 'of ${to}' },\n      kind: 'lease',`,
    },
  ];
}

/** A version whose store is another one, too. */
export function migrationEdits(versions: {
  readonly from: string;
  readonly to: string;
}): readonly Edit[] {
  const label = JSON.stringify({ [migratedLabel]: versions.to });
  return [
    ...patchEdits(versions),
    {
      file: 'src/store/migrations.ts',
      find: '];\n\nfunction holdsSecrets',
      replace: `  (rows) =>
    rows
      .filter(({ table }) => table === 'services')
      .map((row) => {
        const service = JSON.parse(row.value);
        const labels = { ...service.spec.labels, ...${label} };
        const value = JSON.stringify({ ...service, spec: { ...service.spec, labels } });
        return { kind: 'put', table: row.table, id: row.id, value };
      }),
];

function holdsSecrets`,
    },
  ];
}

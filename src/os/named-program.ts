import { access, constants, rename, rm, symlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/**
 * Makes a link to a program, so that the kernel knows processes which run it by the link's name
 * (at most 15 characters). Process ids would not do: what the kernel says of a change are ids that
 * a daemon in a container or another namespace does not know.
 *
 * @returns Where the link is; the program's own name where it is not installed.
 */
export async function nameProgram(program: string, link: string): Promise<string> {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, program);
    if (!(await isExecutable(path))) continue;
    const next = `${link}.new`;
    await rm(next, { force: true });
    await symlink(path, next);
    await rename(next, link);
    return link;
  }
  return program;
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

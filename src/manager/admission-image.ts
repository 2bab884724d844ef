import { refuse, show } from './admission-check.ts';

/*
 * An image reference: [domain[:port]/]path[:tag][@algorithm:hex], as the OCI distribution
 * specification and the docker CLI take it.
 */

const domainPart = '(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])';
const domain = `${domainPart}(?:\\.${domainPart})*(?::[0-9]+)?`;
const pathPart = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const name = `(?:${domain}/)?${pathPart}(?:/${pathPart})*`;
const tag = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}';
const digest = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const reference = new RegExp(`^(${name})(?::${tag})?(?:@${digest})?$`);

const nameLength = 255;
/** Name, the longest tag and the longest digest; also bounds the work of the expression. */
const referenceLength = 600;

export function checkImage(field: string, image: string): void {
  if (image === '') refuse(field, `${field} is empty; image reference must be provided`);
  const found = image.length > referenceLength ? null : reference.exec(image);
  if (found !== null && (found[1] ?? '').length <= nameLength) return;
  refuse(field, `${show(image)} is not a valid repository/tag`, {
    hint: 'Write it like registry.example.com:5000/team/app:1.2; the path is in lower case.',
  });
}

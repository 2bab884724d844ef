/**
 * What differs between two runs of one command whoever answers: ids, times, addresses, and how far
 * something had come at the moment. A closed list; everything else that differs is in
 * `differences.ts`, with its reason.
 */
const masks: readonly { readonly what: RegExp; readonly by: string }[] = [
  // Ids: of the cluster's objects, of containers and images, and of both shortened to twelve.
  { what: /SWMTKN-1-[0-9a-z]+-[0-9a-z]+/g, by: '<token>' },
  { what: /\b[0-9a-f]{64}\b/g, by: '<id>' },
  { what: /\b[0-9a-z]{25}\b/g, by: '<id>' },
  { what: /^[0-9a-z]{12}(?= {2,}|$)/gm, by: '<id>' },
  { what: /\b(?=[0-9a-f]*\d)[0-9a-f]{12}\b/g, by: '<id>' },
  { what: /\.[0-9a-z]{12}(?=@)/g, by: '.<id>' },
  { what: /("Index": ?)\d+/g, by: '$1<version>' },
  { what: /("PID": ?)\d+/g, by: '$1<pid>' },
  { what: /("MacAddress": ")(?:[0-9a-f]{2}:){5}[0-9a-f]{2}/g, by: '$1<mac>' },
  { what: /(vxlanid_list": ?")\d+/g, by: '$1<network>' },
  { what: /^ ID: [A-Z0-9:]{59}$/gm, by: ' ID: <engine>' },
  // The cluster's authority: its root, and the root's key in DER.
  { what: /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g, by: '<certificate>' },
  { what: /MFkwEwYHKoZIzj0CAQ[\w+/=]+/g, by: '<public key>' },
  // Times.
  { what: /\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z| \+0000 utc)/g, by: '<time>' },
  { what: /\b(?:(?:Less than a|About a|\d+) (?:second|minute)s?) ago\b/gi, by: '<time> ago' },
  // Addresses that the system chose.
  { what: /\b10\.\d+\.\d+\.\d+(?:\/24)?\b/g, by: '<address>' },
  { what: /\b172\.(?:1[6-9]|2\d|3[01])\.\d+\.\d+\b/g, by: '<address>' },
  // Progress that the CLI prints five times a second, and a map that Go prints in any order.
  {
    what: /^(?:overall progress|active tasks|job progress|verify:|rollback:|\d+\/\d+:).*\n?/gm,
    by: '',
  },
  // The client's own race, when a container could not be started.
  {
    what: /^time="<time>" level=error msg="error waiting for container: context canceled"\n?/gm,
    by: '',
  },
  { what: /^ Runtimes: .*$/gm, by: ' Runtimes: <runtimes>' },
];

/** Columns are as wide as their widest cell, which may be a time or an id. */
function levelColumns(text: string): string {
  return text.replace(/(?<=\S) {2,}/g, '  ').replace(/[ \t]+$/gm, '');
}

export function maskOutput(text: string): string {
  return levelColumns(masks.reduce((masked, { what, by }) => masked.replace(what, by), text));
}

/** For output of several sources at once: the order of its lines says nothing. */
export function sortLines(text: string): string {
  return text.split('\n').toSorted().join('\n');
}

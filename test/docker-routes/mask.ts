/** What differs between two runs of the same command and is not compared: a closed list. */
const masks: readonly (readonly [what: RegExp, by: string])[] = [
  [/"Index":\d+/g, '"Index":"<n>"'],
  [/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z/g, '<time>'],
  [/\b[0-9a-f]{64}\b/g, '<container>'],
  [/\b[0-9a-z]{25}\b/g, '<id>'],
  [/\b10\.\d+\.\d+\.\d+\/\d+\b/g, '<address>'],
];

export function maskText(text: string): string {
  return masks.reduce((masked, [what, by]) => masked.replace(what, by), text);
}

const codes = { green: 32, yellow: 33, red: 31, cyan: 36, dim: 2, bold: 1 } as const;

export type Colour = keyof typeof codes;

/** Text in a colour, or as it is. */
export type Paint = (colour: Colour, text: string) => string;

const plain: Paint = (_colour, text) => text;

const coloured: Paint = (colour, text) =>
  text === '' ? '' : `\u001b[${codes[colour]}m${text}\u001b[0m`;

/** Colours for terminals alone, unless `NO_COLOR` (https://no-color.org) or `TERM=dumb` is set. */
export function choosePaint(
  isTerminal: boolean,
  environment: Readonly<Record<string, string | undefined>>,
): Paint {
  const refused = (environment['NO_COLOR'] ?? '') !== '' || environment['TERM'] === 'dumb';
  return isTerminal && !refused ? coloured : plain;
}

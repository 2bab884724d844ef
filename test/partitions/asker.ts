/*
 * Asks for names with the network of a container: `asker.ts SERVER`. Each line of its standard
 * input is a list of names (JSON); it answers with what each stands for. Ends when its input does.
 */
import { createInterface } from 'node:readline';
import { lookUp } from '../fixture/look-up.ts';

const server = process.argv[2] ?? '';
for await (const line of createInterface({ input: process.stdin })) {
  const names = JSON.parse(line) as readonly string[];
  const answers = names.map(async (name) => [name, await lookUp(server, name)] as const);
  process.stdout.write(`${JSON.stringify(Object.fromEntries(await Promise.all(answers)))}\n`);
}

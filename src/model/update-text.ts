import type { UpdateStatus } from './service.ts';

/** What an update says of itself, and what the service does without since. */
export function updateText({ message, lacks }: UpdateStatus): string {
  if (lacks === undefined) return message;
  return `${message}; ${lacks}, and the service goes on without`;
}

import { createHash } from 'node:crypto';

const names = new Map<string, string>();

/**
 * A query that each session parses and plans once: for the statements that run with every received instance, where
 * planning costs more than running. `text` must come from a small fixed set.
 */
export function prepared(
  text: string,
  values: unknown[] = [],
): { name: string; text: string; values: unknown[] } {
  let name = names.get(text);
  if (name === undefined) {
    name = createHash('sha256').update(text).digest('hex').slice(0, 32);
    names.set(text, name);
  }
  return { name, text, values };
}

import type { Vector } from '../../series/types';

/** Patient directions along +x, +y, +z and their opposites (LPS). */
const TOWARDS = [
  ['L', 'R'],
  ['P', 'A'],
  ['H', 'F'],
] as const;

/** Letters for the left and right edge of a slice as it is stored: where the row runs from and to (PS3.3 C.7.6.1.1.1). */
export function edgeLetters(orientation: Vector | null): { left: string; right: string } | null {
  if (orientation === null) return null;
  const row = orientation.values.slice(0, 3);
  const axis = row.reduce((best, value, i) => (Math.abs(value) > Math.abs(row[best]!) ? i : best), 0);
  const [positive, negative] = TOWARDS[axis as 0 | 1 | 2];
  return row[axis]! > 0 ? { left: negative, right: positive } : { left: positive, right: negative };
}

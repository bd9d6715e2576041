import type { PixelBox } from './components';

export interface CouchRule {
  /** The hollow of a couch that touches the body is at least so wide, and wider than `aspect` times its height. */
  minWidthMm: number;
  aspect: number;
}

/** PS3.3 C.7.3.1.1.2: decubitus right or left, head or feet first. Anything else is taken as supine or prone. */
const ON_THE_SIDE = /^(HF|FF)D[RL]$/;

/**
 * Whether a region of air in an upright slice has the shape of a couch's hollow. Gravity says how the couch lies: from
 * the right to the left of a patient on back or belly, from front to back of one on the side. Not any narrow region is
 * one: a lung may be as tall.
 *
 * spacingMm: [between rows, between columns].
 */
export function isCouch(
  box: PixelBox,
  spacingMm: readonly [number, number],
  patientPosition: string | null,
  { minWidthMm, aspect }: CouchRule,
): boolean {
  const across = (box.right - box.left) * spacingMm[1];
  const down = (box.bottom - box.top) * spacingMm[0];
  const [width, height] = ON_THE_SIDE.test(patientPosition ?? '') ? [down, across] : [across, down];
  return width >= minWidthMm && width > aspect * height;
}

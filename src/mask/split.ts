import type { HuVolume } from '../volume/types';
import { LEFT, leftwards, RIGHT } from './sides';

/** The cut runs within this distance of the middle of the air, mm. */
const BAND_MM = 45;
/** A sideways step costs this much of a pixel of lung, so that the cut stays straight where it is free. */
const SIDEWAYS = 0.2;

/**
 * Parts fused lungs in place: in each slice the cut from front to back that goes through the fewest pixels of lung
 * (dynamic programming), which is the thinnest sheet between them. air: 1 inside; becomes RIGHT and LEFT.
 */
export function splitFused(air: readonly Uint8Array[], volume: HuVolume): void {
  const { rows, columns, spacingMm } = volume;
  const { perColumn, perRow } = leftwards(volume);
  // Sides lie along columns, but in images that are turned by a quarter they lie along rows.
  const upright = Math.abs(perColumn) >= Math.abs(perRow);
  const [across, along] = upright ? [columns, rows] : [rows, columns];
  const index = (a: number, b: number): number => (upright ? b * columns + a : a * columns + b);
  const band = Math.round(BAND_MM / (upright ? spacingMm[1] : spacingMm[0]));
  const lowSide = (upright ? perColumn : perRow) > 0 ? RIGHT : LEFT;
  const highSide = RIGHT + LEFT - lowSide;
  for (const slice of air) {
    const middle = middleOf(slice, across, along, index);
    if (middle === null) continue;
    const cut = cheapestCut(
      slice,
      { from: Math.max(0, middle - band), to: Math.min(across, middle + band + 1) },
      along,
      index,
    );
    for (let b = 0; b < along; b += 1)
      for (let a = 0; a < across; a += 1) {
        const i = index(a, b);
        if (slice[i] === 1) slice[i] = a < cut[b]! ? lowSide : highSide;
      }
  }
}

type Index = (a: number, b: number) => number;

/** Middle of the lungs' extent across. */
function middleOf(slice: Uint8Array, across: number, along: number, index: Index): number | null {
  let [first, last] = [across, -1];
  for (let b = 0; b < along; b += 1)
    for (let a = 0; a < across; a += 1)
      if (slice[index(a, b)] === 1) {
        first = Math.min(first, a);
        last = Math.max(last, a);
      }
  return last < 0 ? null : Math.round((first + last) / 2);
}

/** For each b the a at which the cheapest path passes. */
function cheapestCut(
  slice: Uint8Array,
  { from, to }: { from: number; to: number },
  along: number,
  index: Index,
): Int32Array {
  const width = to - from;
  const came = new Int8Array(width * along);
  let cost = new Float64Array(width);
  for (let b = 0; b < along; b += 1) {
    const next = new Float64Array(width);
    for (let a = 0; a < width; a += 1) {
      let [best, step] = [cost[a]!, 0];
      if (a > 0 && cost[a - 1]! + SIDEWAYS < best) [best, step] = [cost[a - 1]! + SIDEWAYS, -1];
      if (a < width - 1 && cost[a + 1]! + SIDEWAYS < best) [best, step] = [cost[a + 1]! + SIDEWAYS, 1];
      came[b * width + a] = step;
      next[a] = best + slice[index(from + a, b)]!;
    }
    cost = next;
  }
  const cut = new Int32Array(along);
  let a = cost.indexOf(Math.min(...cost));
  for (let b = along - 1; b >= 0; b -= 1) {
    cut[b] = from + a;
    a += came[b * width + a]!;
  }
  return cut;
}

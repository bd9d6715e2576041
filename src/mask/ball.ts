import { setImmediate as breathe } from 'node:timers/promises';
import type { PixelBox } from '../lib/components';
import type { CoarseGrid } from './coarse-grid';

// One look-up each: these run for every voxel.
const { max, min } = Math;
const FAR = Infinity;

/** A binary volume, [slices][rows * columns], 0 where unset, 1 (in a label volume any label) where set. */
export type BinaryVolume = readonly Uint8Array[];

type Geometry = Pick<CoarseGrid, 'columns' | 'spacingMm' | 'distancesMm'>;

/**
 * Writes `value` into each voxel of the box that has a `wanted` voxel of the box within radiusMm, with the true
 * distances of an anisotropic grid. volume, into: [slices][rows * columns], not the same arrays.
 *
 * One axis after the other: along the rows, down the columns, then from slice to slice, where only the furthest reach
 * is carried on, so that the work for a voxel does not grow with the number of slices in the ball.
 */
export async function markNear(
  volume: BinaryVolume,
  { columns, spacingMm, distancesMm }: Geometry,
  radiusMm: number,
  box: PixelBox,
  wanted: 'set' | 'unset',
  into: readonly Uint8Array[],
  value: 0 | 1,
): Promise<void> {
  const width = box.right - box.left;
  const [down, across] = [squares(spacingMm[0], radiusMm), squares(spacingMm[1], radiusMm)];
  const backwards: Uint16Array[] = [];
  const reach = new Uint16Array(width * (box.bottom - box.top));
  for (const [k, slice] of volume.entries()) {
    const inRow = alongRows(slice, columns, box, wanted === 'set', across);
    const distances = downColumns(inRow, width, down);
    carry(reach, slicesWithin(distances, limits(distancesMm, k, 1, radiusMm)));
    mark(into[k]!, columns, box, reach, value);
    backwards.push(slicesWithin(distances, limits(distancesMm, k, -1, radiusMm)));
    await breathe();
  }
  reach.fill(0);
  for (let k = volume.length - 1; k >= 0; k--) {
    carry(reach, backwards[k]!);
    mark(into[k]!, columns, box, reach, value);
    await breathe();
  }
}

/** One slice on: what the slices before reach, or this one, whichever is further. In place. */
function carry(reach: Uint16Array, ofSlice: Uint16Array): void {
  for (let i = 0; i < reach.length; i++) reach[i] = max(reach[i]! - 1, ofSlice[i]!);
}

/** Writes `value` into the pixels of the box that are reached. */
function mark(slice: Uint8Array, columns: number, box: PixelBox, reach: Uint16Array, value: 0 | 1): void {
  for (let row = box.top, i = 0; row < box.bottom; row++)
    for (let at = row * columns + box.left, end = row * columns + box.right; at < end; at++, i++)
      if (reach[i]! > 0) slice[at] = value;
}

/** The ball's extent in slice k, then in those after it (step 1) or before it (step -1): squared radii, mm2. */
function limits(distancesMm: readonly number[], k: number, step: 1 | -1, radiusMm: number): number[] {
  const squared: number[] = [];
  for (let j = k; j >= 0 && j < distancesMm.length; j += step) {
    const dz = distancesMm[j]! - distancesMm[k]!;
    if (Math.abs(dz) > radiusMm) break;
    squared.push(radiusMm * radiusMm - dz * dz);
  }
  return squared;
}

/** For each pixel in how many slices, its own first, the ball reaches it; 0: in none. squaredMm2: in its own slice. */
function slicesWithin(squaredMm2: Float32Array, limitsMm2: readonly number[]): Uint16Array {
  const counts = new Uint16Array(squaredMm2.length);
  for (let i = 0; i < counts.length; i++) {
    const squared = squaredMm2[i]!;
    if (squared > limitsMm2[0]!) continue;
    let count = limitsMm2.length;
    while (squared > limitsMm2[count - 1]!) count--;
    counts[i] = count;
  }
  return counts;
}

type Squares = Float64Array;
/** Squared distances of 0, 1, 2 ... pixels up to radiusMm, mm2. */
const squares = (pixelMm: number, radiusMm: number): Squares =>
  Float64Array.from({ length: Math.ceil(radiusMm / pixelMm) + 1 }, (_, steps) => (steps * pixelMm) ** 2);

/** Squared distance, mm2, of each pixel of the box to the nearest wanted one in its row; Infinity beyond `across`. */
function alongRows(
  slice: Uint8Array,
  columns: number,
  box: PixelBox,
  ofSet: boolean,
  across: Squares,
): Float32Array {
  const width = box.right - box.left;
  const nearest = new Float32Array(width * (box.bottom - box.top)).fill(FAR);
  for (let row = box.top, to = 0; row < box.bottom; row++, to += width) {
    const from = row * columns + box.left;
    for (let column = 0, away = across.length; column < width; column++, away++) {
      if ((slice[from + column] !== 0) === ofSet) away = 0;
      if (away < across.length) nearest[to + column] = across[away]!;
    }
    for (let column = width - 1, away = across.length; column >= 0; column--, away++) {
      if (nearest[to + column] === 0) away = 0;
      if (away < across.length) nearest[to + column] = min(nearest[to + column]!, across[away]!);
    }
  }
  return nearest;
}

/** Squared distance to the nearest in the slice, from those in the row: of a pixel so many rows off, `down` is added. */
function downColumns(inRow: Float32Array, width: number, down: Squares): Float32Array {
  const nearest = inRow.slice();
  const height = inRow.length / width;
  for (const step of [1, -1]) {
    // For each column how many rows ago one had a distance: far from all of them nothing is to be done.
    const ago = new Int32Array(width).fill(down.length);
    for (let passed = 0; passed < height; passed++) {
      const line = (step === 1 ? passed : height - 1 - passed) * width;
      const furthest = min(down.length - 1, passed);
      for (let column = 0, i = line; column < width; column++, i++) {
        ago[column] = inRow[i] === FAR ? ago[column]! + 1 : 0;
        let best = nearest[i]!;
        for (let away = max(1, ago[column]!); away <= furthest && down[away]! < best; away++)
          best = min(best, inRow[i - step * away * width]! + down[away]!);
        nearest[i] = best;
      }
    }
  }
  return nearest;
}

import type { HuVolume } from '../volume/types';

/** Air is not darker; padding and the -2000 outside some scanners' field of view are darker. */
const DARKEST_HU = -1050;
/** Block means at or below it are padding, not air. */
export const PADDED_HU = -1049;
/** Side of a block in the slice, about: fine enough for a lung's volume, and it takes the noise off the threshold. */
const BLOCK_MM = 1.6;

/** The lung mask's grid: blocks of factor x factor source pixels, slices as they are. */
export interface CoarseGrid {
  factor: number;
  rows: number;
  columns: number;
  /** [between rows, between columns] of the blocks, mm. */
  spacingMm: readonly [number, number];
  pixelMm2: number;
  distancesMm: readonly number[];
  extentsMm: readonly number[];
  /** The last slice is the one nearest to the head. */
  headLast: boolean;
}

/** volume: upright. */
export function coarseGrid({ rows, columns, spacingMm, series }: HuVolume): CoarseGrid {
  const factor = Math.max(1, Math.round(BLOCK_MM / spacingMm[1]));
  const blockMm = [factor * spacingMm[0], factor * spacingMm[1]] as const;
  return {
    factor,
    rows: Math.floor(rows / factor),
    columns: Math.floor(columns / factor),
    spacingMm: blockMm,
    pixelMm2: blockMm[0] * blockMm[1],
    distancesMm: series.distancesMm,
    extentsMm: series.extentsMm,
    headLast: series.normal[2] > 0,
  };
}

/** Mean HU of each block. hu: [rows * columns] of the source; returns [grid.rows * grid.columns]. */
export function blockMeans(hu: Float32Array, sourceColumns: number, grid: CoarseGrid): Float32Array {
  const { factor, rows, columns } = grid;
  const means = new Float32Array(rows * columns);
  for (let row = 0; row < rows * factor; row++) {
    const from = row * sourceColumns;
    const to = Math.floor(row / factor) * columns;
    for (let column = 0; column < columns; column++)
      for (let i = column * factor; i < (column + 1) * factor; i++)
        means[to + column]! += Math.max(hu[from + i]!, DARKEST_HU);
  }
  for (let i = 0; i < means.length; i++) means[i]! /= factor * factor;
  return means;
}

/** For every source pixel [rows * columns] of a slice its block. Pixels beyond the last whole block take that one. */
export function blockOfPixel(rows: number, columns: number, grid: CoarseGrid): Int32Array {
  const block = new Int32Array(rows * columns);
  for (let row = 0, i = 0; row < rows; row++) {
    const line = Math.min(grid.rows - 1, Math.floor(row / grid.factor)) * grid.columns;
    for (let column = 0; column < columns; column++, i++)
      block[i] = line + Math.min(grid.columns - 1, Math.floor(column / grid.factor));
  }
  return block;
}

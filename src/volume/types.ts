import type { OrderedSeries } from '../series/types';

/** Marks a padded pixel in HU arrays: below any window, so it is air to every threshold, and out of HU statistics. */
export const PADDING_HU = -32768;

/** Decoded slices of one series on their own grid. Stored values are kept; HU are made a slice at a time. */
export interface HuVolume {
  series: OrderedSeries;
  rows: number;
  columns: number;
  /** [between rows, between columns], mm. */
  spacingMm: readonly [number, number];
  /** HU of slice k (index into series.slices), row-major [rows * columns]; PADDING_HU where padded. */
  huSlice(k: number): Float32Array;
}

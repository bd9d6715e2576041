import type { OrderedSeries, Slice } from '../series/types';

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

/** Stored values of one plane, row-major [rows * columns]: BitsStored bits, sign extended (PS3.5 8.1.1). */
export type StoredPixels = Int16Array | Uint16Array;

/** Decodes pixel data where a bad stream can do no harm. */
export interface Decoder {
  /** How many slices are worth asking for at a time. */
  readonly threads: number;
  /** Throws RAUNET_CORRUPT_PIXELS, which names the instance, RAUNET_TOO_LARGE, RAUNET_SPOOL_MISSING and RAUNET_SPOOL_READ. */
  decode(slice: Slice): Promise<StoredPixels>;
  /** Lets go of the file decoded last, which is kept for its other frames and may be large. */
  forget(): void;
  close(): Promise<void>;
}

import type { Slice } from '../series/types';
import { PADDING_HU, type StoredPixels } from './types';

/**
 * Nothing in a patient is so thin: the circle outside of the field of view, written as -2000 or -2048, before or after
 * rescale, and up to 200 off after lossy compression. Ringing of sharp kernels stays above.
 */
const OUTSIDE_FIELD_OF_VIEW_HU = -1800;

/**
 * HU of one slice (PS3.3 C.11.1.1.2): slope * stored + intercept, row-major [rows * columns]. PADDING_HU where the
 * stored value is padding (PS3.3 C.7.5.1.1.2) or outside of the field of view. MONOCHROME1 is a matter of display.
 */
export function huOf(pixels: StoredPixels, slice: Slice): Float32Array {
  const slope = slice.rescaleSlope ?? 1;
  const intercept = slice.rescaleIntercept ?? 0;
  const { low, high } = slice.padding ?? { low: Number.POSITIVE_INFINITY, high: Number.NEGATIVE_INFINITY };
  const hu = new Float32Array(pixels.length);
  for (let i = 0; i < pixels.length; i++) {
    const stored = pixels[i] as number;
    const value = slope * stored + intercept;
    const padded = (stored >= low && stored <= high) || value <= OUTSIDE_FIELD_OF_VIEW_HU;
    hu[i] = padded ? PADDING_HU : value;
  }
  return hu;
}

/** Bounds and shares that every CT of a chest meets and no unscaled one does: those count from 0 or have no air. */
const PLAUSIBLE = { lowest: -1100, highest: 12_000, airUpTo: -500, soft: [-200, 300], share: 0.05 } as const;

/** Whether values without a rescale are HU after all: air and soft tissue stand where they belong. */
export function arePlausibleHu(slices: Iterable<Float32Array>): boolean {
  let all = 0;
  let air = 0;
  let soft = 0;
  for (const hu of slices)
    for (const value of hu) {
      if (value === PADDING_HU) continue;
      if (value < PLAUSIBLE.lowest || value > PLAUSIBLE.highest) return false;
      all++;
      if (value <= PLAUSIBLE.airUpTo) air++;
      else if (value >= PLAUSIBLE.soft[0] && value <= PLAUSIBLE.soft[1]) soft++;
    }
  return all > 0 && air >= PLAUSIBLE.share * all && soft >= PLAUSIBLE.share * all;
}

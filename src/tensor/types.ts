import type { PixelBox } from '../lib/components';

/** What has to be done to a slice before the model sees it: "preprocessing" of onnx/contract.json. */
export interface Preprocessing {
  /** Clipped to, then scaled linearly to [0, 1]. */
  windowHu: readonly [low: number, high: number];
  /** Rows and columns of the model's input. */
  size: number;
  lungBox: LungBoxRule;
}

/** How the lung box is found; onnx/training/preprocess.py says why each number is what it is. */
export interface LungBoxRule {
  /** At or above: tissue; below: air or lung. */
  tissueHu: number;
  /** Smaller pockets of enclosed air do not count. */
  minRegionMm2: number;
  /** A slice with less enclosed air does not vote. */
  minLungMm2: number;
  /** The hollow of a couch: at least so wide, and wider than `couchAspect` times its height (lib/couch.ts). */
  couchMinWidthMm: number;
  couchAspect: number;
  /** The box is mirrored about the mid-line where one side reaches less than [0] / [1] as far as the other. */
  lopsided: readonly [number, number];
  /** Of the box's own height and width, on each side. */
  marginPercent: number;
}

/** What of the volume goes to the model. */
export interface ModelGrid {
  /** One box for the whole series, on the grid of the volume. */
  box: PixelBox;
  /** Indices of the slices that the model is asked about, ascending; all others are background. */
  lungSlices: readonly number[];
}

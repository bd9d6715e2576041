import type { HuVolume } from '../volume/types';
import type { LungMask } from './lungs';
import { LEFT, RIGHT } from './sides';
import { convexHull, emptySpans, join, type Spans, takeIn } from './spans';

/** Bone, HU; contrast in the heart is above it too, and inside the hull anyway. */
const BONE_HU = 180;
/** Ribs are gathered over so much of the length on either side: one slice alone shows a few of them. */
const RIBS_MM = 20;

/** Where in one slice a lesion can be. */
export interface ThoraxSlice {
  /** Convex hull of the bones near by: inside it the chest, outside it the chest wall, arms and table. */
  cage: Spans;
  /** Convex hull of each lung, and of both. */
  right: Spans;
  left: Spans;
  both: Spans;
}

/**
 * The rib cage and the lungs' hulls of every slice. The hull of both lungs less that of each is the mediastinum:
 * heart, great vessels, spine. Where a lung is white it has no hull, and nothing is taken for mediastinum.
 */
export function thorax(volume: HuVolume, lungs: LungMask): ThoraxSlice[] {
  const { rows, columns, series } = volume;
  const bones = series.slices.map((_, k) =>
    spansWhere(volume.huSlice(k), rows, columns, (hu) => hu >= BONE_HU),
  );
  return lungs.labels.map((labels, k) => {
    const near = emptySpans(rows);
    bones.forEach((spans, other) => {
      if (Math.abs(series.distancesMm[other]! - series.distancesMm[k]!) <= RIBS_MM) join(near, spans);
    });
    const hullOf = (wanted: (label: number) => boolean): Spans =>
      convexHull(spansWhere(labels, rows, columns, wanted));
    return {
      cage: convexHull(near),
      right: hullOf((label) => label === RIGHT),
      left: hullOf((label) => label === LEFT),
      both: hullOf((label) => label !== 0),
    };
  });
}

function spansWhere(
  image: ArrayLike<number>,
  rows: number,
  columns: number,
  wanted: (value: number) => boolean,
): Spans {
  const spans = emptySpans(rows);
  for (let row = 0; row < rows; row += 1) {
    const offset = row * columns;
    let first = 0;
    while (first < columns && !wanted(image[offset + first]!)) first += 1;
    if (first === columns) continue;
    let last = columns - 1;
    while (!wanted(image[offset + last]!)) last -= 1;
    takeIn(spans, row, first);
    takeIn(spans, row, last);
  }
  return spans;
}

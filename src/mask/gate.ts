import { boundingBox } from '../lib/components';
import { CELL } from './anatomy';
import type { CoarseGrid } from './coarse-grid';
import { convexHull } from './hull';
import { type Chest, LEFT, RIGHT } from './lungs';
import { SIDES, type Tally } from './tally';

/** Adults from full expiration to full inspiration, both lungs. */
const PLAUSIBLE_ML = [800, 10_000] as const;
/** The left lung has about 0.85 of the right one's volume; less than this on either side, and one is missing in part. */
const MIN_RATIO = 0.45;
/** A lung fills most of its convex outline, summed over slices; a bitten one has lost dense parts at the pleura. */
const MIN_SOLIDITY = 0.6;
/** Consolidation and effusion beyond the aerated lungs, as a part of lungs and these. */
const MAX_DENSE_OUTSIDE = 0.2;
/** Lung in the first or last slice, as a part of the largest cross-section: more, and the scan ends amid the lungs. */
const MAX_END_SHARE = 0.3;
/** Lung cut by the image's edge over at least so much of it, in slices of so much height; a couch shows less. */
const CUT_LENGTH_MM = 40;
const MAX_CUT_HEIGHT_MM = 10;

/** Why no percentages can be given, in one sentence; null where the lung mask can be trusted. */
export function gateReason(
  { lungs, grid, cells }: Chest,
  { lungs: slices, outsideMm3 }: Tally,
): string | null {
  if (lungs === null) return 'Two aerated lungs could not be told apart.';
  const [, right, left] = slices.map(
    (side) => side.reduce((sum, slice) => sum + slice.lungMm3, 0) / 1000,
  ) as [number, number, number];
  const totalMl = right + left;
  const round = (ml: number) => `${Math.round(ml)} mL`;
  if (totalMl < PLAUSIBLE_ML[0] || totalMl > PLAUSIBLE_ML[1])
    return `The lungs were found to have ${round(totalMl)}, which is not plausible.`;
  if (Math.min(right, left) < MIN_RATIO * Math.max(right, left))
    return `One lung was found much smaller than the other (right ${round(right)}, left ${round(left)}).`;
  const solidity = solidities(lungs.mask, grid.columns);
  for (const [side, label] of SIDES) {
    if (solidity[label] < MIN_SOLIDITY)
      return `The ${side} lung fills only ${percent(solidity[label])} of its outline: parts of it are too dense to be found.`;
  }
  const denseMl = (outsideMm3.consolidation + outsideMm3.effusion) / 1000;
  // totalMl holds the consolidation already.
  if (denseMl > MAX_DENSE_OUTSIDE * (totalMl + outsideMm3.effusion / 1000))
    return `Consolidation and effusion at the pleura (${round(denseMl)}) hide where the lungs end.`;
  const areas = grid.extentsMm.map((extent, k) => (slices[1][k]!.lungMm3 + slices[2][k]!.lungMm3) / extent);
  if (Math.max(areas[0]!, areas.at(-1)!) > MAX_END_SHARE * Math.max(...areas))
    return 'The scan ends amid the lungs.';
  if (cutHeightMm(lungs.mask, cells, grid) > MAX_CUT_HEIGHT_MM)
    return "The lungs are cut by the edge of the scanner's field of view.";
  return null;
}

/** By label: the part of its convex outline in each slice that a lung fills, over all slices. */
function solidities(
  mask: readonly Uint8Array[],
  columns: number,
): Record<typeof RIGHT | typeof LEFT, number> {
  const inMask = [0, 0, 0];
  const inHull = [0, 0, 0];
  for (const slice of mask) {
    const right = convexHull(slice, columns, RIGHT);
    const left = convexHull(slice, columns, LEFT);
    for (let i = 0; i < slice.length; i++) {
      const label = slice[i]! || (right[i] === 1 ? RIGHT : left[i] === 1 ? LEFT : 0);
      inHull[label]!++;
      if (slice[i] !== 0) inMask[label]!++;
    }
  }
  return { [RIGHT]: inMask[RIGHT]! / inHull[RIGHT]!, [LEFT]: inMask[LEFT]! / inHull[LEFT]! };
}

/** Height of the slices in which the image's edge cuts the lung, between the rows of its highest and lowest pixel. */
function cutHeightMm(
  mask: readonly Uint8Array[],
  cells: readonly Uint8Array[],
  { columns, spacingMm, extentsMm }: CoarseGrid,
): number {
  const minPixels = CUT_LENGTH_MM / Math.max(...spacingMm);
  return mask.reduce((height, slice, k) => {
    const box = cells[k]!.includes(CELL.cutLung) ? boundingBox([slice], columns) : null;
    if (box === null) return height;
    const from = box.top * columns;
    const to = box.bottom * columns;
    let cut = 0;
    for (let i = from; i < to; i++) if (cells[k]![i] === CELL.cutLung) cut++;
    return cut >= minPixels ? height + extentsMm[k]! : height;
  }, 0);
}

const percent = (part: number): string => `${Math.round(100 * part)} %`;

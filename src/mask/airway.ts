import { boxes, connectedRuns, paint } from '../lib/components';
import { CELL } from './anatomy';
import type { CoarseGrid } from './coarse-grid';

/** Cross-sections of the trachea and of both main bronchi lie between; a larger patch of dark air is lung: a leak. */
const AREA_MM2 = [40, 1200] as const;
/** The trachea is round; the cleft between tongue and palate is not. */
const MAX_ASPECT = 2.5;
/** It runs near the body's mid-line. */
const OFF_CENTRE_MM = 30;
/** Below the topmost slice with a body the trachea must be found within so much. */
const SEARCH_MM = 120;
/** Its wall is thinner than this on the blocks' grid: bright rims of its air go with it. */
const RIM_BLOCKS = 2;

/**
 * Marks the central airways: finds the trachea in the topmost slices and follows it down, slice by slice, through
 * patches of dark air that overlap the last ones, until they open into the lungs. In place.
 */
export function markAirways(cells: Uint8Array[], grid: CoarseGrid): void {
  const downwards = [...cells.keys()];
  if (grid.headLast) downwards.reverse();
  const top = downwards.find((k) => cells[k]!.some((cell) => cell !== CELL.outside && cell !== CELL.cutLung));
  if (top === undefined) return;

  let above: Uint8Array | null = null;
  for (const k of downwards) {
    const slice = cells[k]!;
    const patches = connectedRuns([slice], grid.columns, [CELL.darkAir]);
    const area = (patch: number) => patches.sizes[patch]! * grid.pixelMm2;
    const fits = (patch: number) => area(patch) <= AREA_MM2[1];
    let chosen: Set<number>;
    if (above === null) {
      if (Math.abs(grid.distancesMm[k]! - grid.distancesMm[top]!) > SEARCH_MM) return;
      const seed = tracheaIn(slice, patches, grid);
      chosen = new Set(seed === null ? [] : [seed]);
    } else {
      chosen = overlapping(patches, above, grid.columns, fits);
      if (chosen.size === 0) return;
    }
    if (chosen.size === 0) continue;
    const airway = new Uint8Array(slice.length);
    paint([airway], grid.columns, patches, 1, (patch) => chosen.has(patch));
    above = airway;
    markWithRim(slice, airway, grid);
  }
}

type Patches = ReturnType<typeof connectedRuns>;

/** The patch that looks most like a trachea; null where none does. */
function tracheaIn(
  slice: Uint8Array,
  patches: Patches,
  { columns, spacingMm, pixelMm2 }: CoarseGrid,
): number | null {
  const [body] = boxes(
    connectedRuns(
      [slice.map((cell) => (cell === CELL.outside || cell === CELL.cutLung ? 0 : 1))],
      columns,
      [1],
    ),
  ).sort((a, b) => b.right - b.left - (a.right - a.left));
  if (body === undefined) return null;
  const candidates = boxes(patches).flatMap((box, patch) => {
    const areaMm2 = patches.sizes[patch]! * pixelMm2;
    const widthMm = (box.right - box.left) * spacingMm[1];
    const heightMm = (box.bottom - box.top) * spacingMm[0];
    const offMm = Math.abs(box.left + box.right - body.left - body.right) * 0.5 * spacingMm[1];
    const fits =
      areaMm2 >= AREA_MM2[0] &&
      areaMm2 <= AREA_MM2[1] &&
      Math.max(widthMm, heightMm) <= MAX_ASPECT * Math.min(widthMm, heightMm) &&
      offMm <= OFF_CENTRE_MM;
    return fits ? [{ patch, areaMm2 }] : [];
  });
  return candidates.sort((a, b) => b.areaMm2 - a.areaMm2)[0]?.patch ?? null;
}

function overlapping(patches: Patches, above: Uint8Array, columns: number, fits: (patch: number) => boolean) {
  const found = new Set<number>();
  for (let run = 0; run < patches.line.length; run++) {
    const patch = patches.component[run]!;
    if (found.has(patch) || !fits(patch)) continue;
    const line = patches.line[run]! * columns;
    if (above.subarray(line + patches.start[run]!, line + patches.end[run]!).includes(1)) found.add(patch);
  }
  return found;
}

function markWithRim(slice: Uint8Array, airway: Uint8Array, { rows, columns }: CoarseGrid): void {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (airway[row * columns + column] === 0) continue;
      for (let r = Math.max(0, row - RIM_BLOCKS); r <= Math.min(rows - 1, row + RIM_BLOCKS); r++) {
        for (let c = Math.max(0, column - RIM_BLOCKS); c <= Math.min(columns - 1, column + RIM_BLOCKS); c++) {
          const i = r * columns + c;
          if (slice[i] === CELL.air || slice[i] === CELL.darkAir) slice[i] = CELL.airway;
        }
      }
    }
  }
}

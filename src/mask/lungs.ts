import type { HuVolume } from '../volume/types';
import { type AirSpaces, airSpaces } from './air-spaces';
import { markAirways } from './airway';
import { CELL, labelAnatomy } from './anatomy';
import { type CoarseGrid, coarseGrid } from './coarse-grid';
import { close, dilate, fillHoles } from './morphology';
import type { Side } from './types';

export const RIGHT = 1;
export const LEFT = 2;
export const labelOf: Record<Side, number> = { right: RIGHT, left: LEFT };

/** Fills vessels, hila and small dense disease at the pleura; larger disease comes in with the lesions. */
const CLOSING_MM = 12;
/** Lesions lie in the lung or, fluid, on it. */
const NEAR_LUNG_MM = 12;

/** The lungs on the coarse grid, volumes as [slices][rows * columns]. */
export interface Lungs {
  /** RIGHT or LEFT; aerated lung, closed and filled. Lesions and effusion are not considered yet. */
  mask: Uint8Array[];
  /** 1 near the pleura: lungs widened by NEAR_LUNG_MM. */
  nearLung: Uint8Array[];
  /** RIGHT or LEFT for every position in a slice: the side whose lung, seen from above, is nearest. */
  sideMap: Uint8Array;
}

export interface Chest {
  grid: CoarseGrid;
  /** CELL of every coarse voxel. */
  cells: Uint8Array[];
  /** Null where two lungs were not found. */
  lungs: Lungs | null;
}

/**
 * Labels the anatomy and finds the lungs without a trained network (spec: threshold at -400 HU, air outside the body
 * dropped, airways followed from the top, two air spaces, parted where fused, closed and filled). volume: upright. Gives
 * way to other work after each slice.
 */
export async function findChest(volume: HuVolume): Promise<Chest> {
  const grid = coarseGrid(volume);
  const cells = await labelAnatomy(volume, grid);
  markAirways(cells, grid);
  const air = await airSpaces(cells, grid);
  return { grid, cells, lungs: air === null ? null : await filledLungs(air, cells, grid) };
}

async function filledLungs(air: AirSpaces, cells: Uint8Array[], grid: CoarseGrid): Promise<Lungs> {
  const mask = cells.map((slice) => new Uint8Array(slice.length));
  // Each side alone, so that nothing is closed across the mediastinum. Where both claim a voxel, the air decides.
  for (const side of ['right', 'left'] as const) {
    const closed = await close(air[side], grid, CLOSING_MM);
    fillHoles(closed, grid);
    for (const [k, slice] of mask.entries())
      claim(slice, closed[k]!, air[side][k]!, cells[k]!, labelOf[side]);
  }
  const nearLung = await dilate(mask, grid, NEAR_LUNG_MM);
  return { mask, nearLung, sideMap: nearestSide(mask, grid) };
}

/** Gives the closed lung's voxels of one slice to it. In place. */
function claim(
  mask: Uint8Array,
  closed: Uint8Array,
  air: Uint8Array,
  cells: Uint8Array,
  label: number,
): void {
  for (let i = 0; i < mask.length; i++) {
    if (closed[i] === 0) continue;
    const lung = cells[i] === CELL.soft || cells[i] === CELL.air || cells[i] === CELL.darkAir;
    if (lung && (mask[i] === 0 || air[i] === 1)) mask[i] = label;
  }
}

/** Projects both lungs along the patient's axis and gives every position to the nearest (4-connected steps). */
function nearestSide(mask: readonly Uint8Array[], { rows, columns }: CoarseGrid): Uint8Array {
  const surplus = new Int32Array(rows * columns);
  for (const slice of mask)
    for (let i = 0; i < slice.length; i++) if (slice[i] !== 0) surplus[i]! += slice[i] === RIGHT ? 1 : -1;
  const sides = Uint8Array.from(surplus, (count) => (count > 0 ? RIGHT : count < 0 ? LEFT : 0));
  let front = [...sides.keys()].filter((i) => sides[i] !== 0);
  while (front.length > 0) {
    const next: number[] = [];
    for (const i of front) {
      const column = i % columns;
      const neighbours = [
        column > 0 ? i - 1 : i,
        column < columns - 1 ? i + 1 : i,
        i >= columns ? i - columns : i,
        i < (rows - 1) * columns ? i + columns : i,
      ];
      for (const j of neighbours) {
        if (sides[j] !== 0) continue;
        sides[j] = sides[i]!;
        next.push(j);
      }
    }
    front = next;
  }
  return sides;
}

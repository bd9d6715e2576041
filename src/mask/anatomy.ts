import { setImmediate as breathe } from 'node:timers/promises';
import { bodyCells, ENCLOSED_AIR, OUTSIDE } from '../lib/body';
import { boxes, connectedRuns, paint } from '../lib/components';
import type { HuVolume } from '../volume/types';
import { blockMeans, type CoarseGrid, PADDED_HU } from './coarse-grid';

/** What a coarse voxel is. */
export const CELL = { outside: 0, soft: 1, air: 2, darkAir: 3, bone: 4, airway: 5 } as const;

/** At or above: tissue (spec/model.md, lung mask). */
const TISSUE_HU = -400;
/** Air of the central airways; lung tissue is brighter but in emphysema. */
const DARK_HU = -900;
/** Bone, metal or contrast in vessels: no lesion is so bright. */
const BONE_HU = 180;
/** Smaller bright spots may be calcified parts of a lesion. */
const MIN_BONE_MM2 = 30;
/** Marrow and spinal canal, enclosed by cortex, belong to the bone; a whole rib cage must not be filled. */
const MAX_MARROW_MM2 = 1500;
/** The hollow of a couch that touches the body is wide and flat; no lung is. */
const COUCH_MIN_WIDTH_MM = 150;
const COUCH_ASPECT = 3;
/** Air cut by the image's edge: darker is room air, brighter is tissue. */
const CUT_LUNG_HU = [-920, -600] as const;

export interface Anatomy {
  /** CELL per coarse voxel, [slices][rows * columns]. */
  cells: Uint8Array[];
  /** Lung-like pixels at the edge of the image or of its padding, summed over slices: a sign of a truncated field of view. */
  cutMm2: number;
}

/** Labels every coarse voxel by attenuation and by what encloses it, slice by slice. */
export async function labelAnatomy(volume: HuVolume, grid: CoarseGrid): Promise<Anatomy> {
  const cells: Uint8Array[] = [];
  let cutMm2 = 0;
  for (let k = 0; k < volume.series.slices.length; k++) {
    const hu = blockMeans(volume.huSlice(k), volume.columns, grid);
    const body = bodyCells(hu, grid.columns, TISSUE_HU);
    dropCouch(body, grid);
    const bone = filledBone(hu, body, grid);
    cells.push(
      Uint8Array.from(body, (cell, i) => {
        if (cell === OUTSIDE) return CELL.outside;
        if (bone[i] === 1) return CELL.bone;
        if (cell !== ENCLOSED_AIR) return CELL.soft;
        return hu[i]! < DARK_HU ? CELL.darkAir : CELL.air;
      }),
    );
    cutMm2 += cutPixels(hu, body, grid.columns) * grid.pixelMm2;
    await breathe();
  }
  return { cells, cutMm2 };
}

function dropCouch(body: Uint8Array, { columns, spacingMm }: CoarseGrid): void {
  const air = connectedRuns([body], columns, [ENCLOSED_AIR]);
  const couch = boxes(air).map((box) => {
    const widthMm = (box.right - box.left) * spacingMm[1];
    return widthMm >= COUCH_MIN_WIDTH_MM && widthMm > COUCH_ASPECT * (box.bottom - box.top) * spacingMm[0];
  });
  paint([body], columns, air, OUTSIDE, (region) => couch[region]!);
}

/** 1 where bone is, its marrow filled. */
function filledBone(hu: Float32Array, body: Uint8Array, { rows, columns, pixelMm2 }: CoarseGrid): Uint8Array {
  const bone = new Uint8Array(hu.length);
  for (let i = 0; i < hu.length; i++) if (hu[i]! > BONE_HU && body[i] !== OUTSIDE) bone[i] = 1;
  const bright = connectedRuns([bone], columns, [1]);
  paint([bone], columns, bright, 0, (region) => bright.sizes[region]! * pixelMm2 < MIN_BONE_MM2);
  const rest = connectedRuns([bone], columns, [0]);
  const marrow = boxes(rest).map(
    (box, region) =>
      box.top > 0 &&
      box.left > 0 &&
      box.bottom < rows &&
      box.right < columns &&
      rest.sizes[region]! * pixelMm2 <= MAX_MARROW_MM2,
  );
  paint([bone], columns, rest, 1, (region) => marrow[region]!);
  return bone;
}

/** Pixels that look like lung, open to the outside, and lie beside the image's edge or padding. */
function cutPixels(hu: Float32Array, body: Uint8Array, columns: number): number {
  const rows = hu.length / columns;
  const isEnd = (row: number, column: number) =>
    row < 0 || row >= rows || column < 0 || column >= columns || hu[row * columns + column]! <= PADDED_HU;
  let cut = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const i = row * columns + column;
      if (body[i] !== OUTSIDE || hu[i]! < CUT_LUNG_HU[0] || hu[i]! > CUT_LUNG_HU[1]) continue;
      if (isEnd(row - 1, column) || isEnd(row + 1, column) || isEnd(row, column - 1) || isEnd(row, column + 1))
        cut++;
    }
  }
  return cut;
}

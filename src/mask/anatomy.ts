import { setImmediate as breathe } from 'node:timers/promises';
import { bodyCells, ENCLOSED_AIR, OUTSIDE } from '../lib/body';
import { boxes, connectedRuns, paint } from '../lib/components';
import { isCouch } from '../lib/couch';
import type { HuVolume } from '../volume/types';
import { blockMeans, type CoarseGrid, PADDED_HU } from './coarse-grid';

/** What a coarse voxel is. */
export const CELL = { outside: 0, soft: 1, air: 2, darkAir: 3, bone: 4, airway: 5, cutLung: 6 } as const;

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
const COUCH = { minWidthMm: 150, aspect: 3 };
/** Lung that the image's edge cuts: so bright all the way, so deep. Darker is room air; skin and blankets are thin. */
const CUT_LUNG_HU = [-950, -550] as const;
const CUT_DEPTH_MM = 15;

/** Labels every coarse voxel by attenuation and by what encloses it: CELL, [slices][rows * columns]. */
export async function labelAnatomy(volume: HuVolume, grid: CoarseGrid): Promise<Uint8Array[]> {
  const { patientPosition } = volume.series.slices[0]!;
  const cells: Uint8Array[] = [];
  for (let k = 0; k < volume.series.slices.length; k++) {
    cells.push(labelSlice(blockMeans(volume.huSlice(k), volume.columns, grid), grid, patientPosition));
    await breathe();
  }
  return cells;
}

/** hu, result: [rows * columns] of the grid. */
function labelSlice(hu: Float32Array, grid: CoarseGrid, patientPosition: string | null): Uint8Array {
  const body = bodyCells(hu, grid.columns, TISSUE_HU);
  dropCouch(body, grid, patientPosition);
  const bone = filledBone(hu, body, grid);
  const isCut = cutBy(hu, grid);
  const labels = new Uint8Array(hu.length);
  for (let i = 0; i < hu.length; i++) {
    if (body[i] === OUTSIDE) labels[i] = looksLikeLung(hu[i]!) && isCut(i) ? CELL.cutLung : CELL.outside;
    else if (bone[i] === 1) labels[i] = CELL.bone;
    else if (body[i] !== ENCLOSED_AIR) labels[i] = CELL.soft;
    else labels[i] = hu[i]! < DARK_HU ? CELL.darkAir : CELL.air;
  }
  return labels;
}

function dropCouch(
  body: Uint8Array,
  { columns, spacingMm }: CoarseGrid,
  patientPosition: string | null,
): void {
  const air = connectedRuns([body], columns, [ENCLOSED_AIR]);
  const couch = boxes(air).map((box) => isCouch(box, spacingMm, patientPosition, COUCH));
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

const looksLikeLung = (hu: number): boolean => hu >= CUT_LUNG_HU[0] && hu <= CUT_LUNG_HU[1];

/** Whether lung begins at a pixel, one that looks like it, beside the image's edge or its padding. */
function cutBy(hu: Float32Array, { rows, columns, spacingMm }: CoarseGrid): (i: number) => boolean {
  const inImage = (row: number, column: number): boolean =>
    row >= 0 && row < rows && column >= 0 && column < columns;
  const isEnd = (row: number, column: number): boolean =>
    !inImage(row, column) || hu[row * columns + column]! <= PADDED_HU;
  const isLung = (row: number, column: number): boolean =>
    inImage(row, column) && looksLikeLung(hu[row * columns + column]!);
  const depth = Math.ceil(CUT_DEPTH_MM / Math.max(...spacingMm));
  const inwards = [
    [0, 1],
    [0, -1],
    [1, 0],
    [-1, 0],
  ] as const;
  return (i) => {
    const row = Math.floor(i / columns);
    const column = i - row * columns;
    return inwards.some(([down, right]) => {
      if (!isEnd(row - down, column - right)) return false;
      for (let step = 1; step < depth; step++)
        if (!isLung(row + step * down, column + step * right)) return false;
      return true;
    });
  };
}

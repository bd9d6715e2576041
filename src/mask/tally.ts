import { setImmediate as breathe } from 'node:timers/promises';
import { PADDING_HU, type HuVolume } from '../volume/types';
import { blockOfPixel } from './coarse-grid';
import { type Chest, LEFT, RIGHT } from './lungs';
import type { LesionMask } from './types';

/** One lung in one slice, mm3. */
export interface LungSlice {
  /** Lesions included, effusion excluded. */
  lungMm3: number;
  /** Ground glass and consolidation. */
  affectedMm3: number;
}

/** One class over the whole series. */
export interface ClassTally {
  voxels: number;
  mm3: number;
  /** By side label: [0, right, left]. */
  sideMm3: [number, number, number];
  huSum: number;
  /** Voxels that are not padding. */
  huVoxels: number;
}

/** Every voxel counted once; all that is measured is made of these sums. */
export interface Tally {
  /** By class index; [0] stays empty. */
  classes: [ClassTally, ClassTally, ClassTally, ClassTally];
  /** By side label, then slice; [0] stays empty. */
  lungs: [LungSlice[], LungSlice[], LungSlice[]];
  /** Outside the aerated, closed lungs, so that only the model tells what it is. */
  outsideMm3: { consolidation: number; effusion: number };
}

/** Gives way to other work after each slice. */
export async function tally(mask: LesionMask, volume: HuVolume, { grid, lungs }: Chest): Promise<Tally> {
  const { rows, columns, spacingMm, series } = volume;
  const blockOf = blockOfPixel(rows, columns, grid);
  const emptyClass = (): ClassTally => ({ voxels: 0, mm3: 0, sideMm3: [0, 0, 0], huSum: 0, huVoxels: 0 });
  const sums: Tally = {
    classes: [emptyClass(), emptyClass(), emptyClass(), emptyClass()],
    lungs: [[], [], []],
    outsideMm3: { consolidation: 0, effusion: 0 },
  };
  const background = new Uint8Array(rows * columns);
  const noLung = new Uint8Array(grid.rows * grid.columns);
  const addSlice = (slice: Uint8Array, k: number): void => {
    const voxelMm3 = spacingMm[0] * spacingMm[1] * series.extentsMm[k]!;
    const lung = lungs?.mask[k] ?? noLung;
    const lungMm3 = new Float64Array(3);
    const affectedMm3 = new Float64Array(3);
    const hu = Buffer.compare(slice, background) === 0 ? null : volume.huSlice(k);
    for (let i = 0; i < slice.length; i++) {
      const value = slice[i]!;
      const block = blockOf[i]!;
      const inLung = lung[block]!;
      if (value === 0) {
        lungMm3[inLung]! += voxelMm3;
        continue;
      }
      const side = (inLung || (lungs?.sideMap[block] ?? 0)) as 0 | 1 | 2;
      const ofClass = sums.classes[value as 1 | 2 | 3];
      ofClass.voxels++;
      ofClass.mm3 += voxelMm3;
      ofClass.sideMm3[side] += voxelMm3;
      if (hu![i]! !== PADDING_HU) {
        ofClass.huSum += hu![i]!;
        ofClass.huVoxels++;
      }
      if (inLung === 0 && value === 2) sums.outsideMm3.consolidation += voxelMm3;
      if (inLung === 0 && value === 3) sums.outsideMm3.effusion += voxelMm3;
      if (value !== 3) {
        lungMm3[side]! += voxelMm3;
        affectedMm3[side]! += voxelMm3;
      }
    }
    for (const [, side] of SIDES)
      sums.lungs[side].push({ lungMm3: lungMm3[side]!, affectedMm3: affectedMm3[side]! });
  };
  for (const [k, slice] of mask.entries()) {
    addSlice(slice, k);
    await breathe();
  }
  return sums;
}

export const SIDES = [
  ['right', RIGHT],
  ['left', LEFT],
] as const;

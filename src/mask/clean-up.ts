import { setImmediate as breathe } from 'node:timers/promises';
import { connectedRuns, paint, type Runs } from '../lib/components';
import type { HuVolume } from '../volume/types';
import { CELL } from './anatomy';
import { blockOfPixel } from './coarse-grid';
import { beyondRibs } from './chest-wall';
import type { Chest } from './lungs';
import { thickness } from './thickness';
import type { RemovedMl } from './types';

/** A sphere of 5 mm across has 65 mm3; less is noise at the model's resolution. */
const MIN_VOLUME_MM3 = 64;
/** Fluid gathers: a separate millilitre of it is a fold of the pleura or the edge of a muscle. */
const MIN_EFFUSION_MM3 = 1000;
/** A lung lesion has at least this part near aerated lung; a patch in heart or abdomen but touches that region. */
const MIN_NEAR_LUNG = 0.25;
/** A large one need only reach it: a whole lobe may be dense. */
const LARGE_MM3 = 10_000;

/** Vessels, walls of bronchi and the blurred rims of heart and diaphragm are thinner everywhere, in the slice or across slices. */
const MIN_THICKNESS_MM = 6;

const GGO = 1;
const CONSOLIDATION = 2;
const EFFUSION = 3;

/**
 * Takes away what cannot be a lesion. Voxels are only ever set to background, never added or given another class:
 *
 * - outsideBody: not in the largest body of the slice, so room air, clothes, table, a raised arm.
 * - boneOrContrast: in bone with its marrow (ribs, spine), metal, or vessels full of contrast: too bright for a lesion.
 * - airway: in trachea or main bronchi.
 * - chestWall: with bone between it and its lung, so outside the rib cage. Not applied where two lungs were not found.
 * - awayFromLung: a patch of ground glass and consolidation with less than a quarter near a lung (12 mm), or, when
 *   larger than 10 mL, nothing: heart, mediastinum, abdomen. A patch of effusion with nothing near a lung: ascites,
 *   stomach. Not applied where two lungs were not found.
 * - thin: a patch that is less than 6 mm high across slices, or, of ground glass and consolidation, nowhere 6 mm thick in
 *   a slice: vessels, bronchi, rims. The height of one that reaches the first or last slice is not known: it may go on
 *   outside of the scan, which may itself be lower than 6 mm.
 * - speck: a patch of ground glass and consolidation together of less than 64 mm3, one of effusion of less than 1 mL.
 *
 * Patches are 6-connected. mask: on the volume's grid, changed in place. Gives way to other work after each slice.
 */
export async function cleanUp(
  mask: readonly Uint8Array[],
  { rows, columns, spacingMm, series }: HuVolume,
  { grid, cells, lungs }: Chest,
): Promise<RemovedMl> {
  const pixelMm2 = spacingMm[0] * spacingMm[1];
  const blockOf = blockOfPixel(rows, columns, grid);
  const isBeyondRibs = lungs === null ? () => false : beyondRibs(cells, lungs, grid);
  const removedMl: RemovedMl = {
    outsideBody: 0,
    boneOrContrast: 0,
    airway: 0,
    chestWall: 0,
    awayFromLung: 0,
    thin: 0,
    speck: 0,
  };

  const dropVoxels = (slice: Uint8Array, k: number): void => {
    const voxelMl = (pixelMm2 * series.extentsMm[k]!) / 1000;
    for (let i = 0; i < slice.length; i++) {
      if (slice[i] === 0) continue;
      const block = blockOf[i]!;
      const rule = ruleOfCell(cells[k]![block]!) ?? (isBeyondRibs(k, block) ? 'chestWall' : null);
      if (rule === null) continue;
      slice[i] = 0;
      removedMl[rule] += voxelMl;
    }
  };
  for (const [k, slice] of mask.entries()) {
    dropVoxels(slice, k);
    await breathe();
  }

  for (const members of [[GGO, CONSOLIDATION], [EFFUSION]]) {
    const patches = connectedRuns(mask, columns, members);
    const isEffusion = members[0] === EFFUSION;
    const volumeMm3 = new Float64Array(patches.sizes.length);
    const heightMm = new Float64Array(patches.sizes.length);
    const lastSlice = new Int32Array(patches.sizes.length).fill(-1);
    const leavesScan = new Uint8Array(patches.sizes.length);
    const nearLung = new Float64Array(patches.sizes.length);
    const thickestMm = isEffusion ? null : thickestOf(patches, mask, columns, spacingMm);
    for (let run = 0; run < patches.line.length; run++) {
      const k = Math.floor(patches.line[run]! / rows);
      const line = (patches.line[run]! - k * rows) * columns;
      const patch = patches.component[run]!;
      volumeMm3[patch]! += (patches.end[run]! - patches.start[run]!) * pixelMm2 * series.extentsMm[k]!;
      if (lastSlice[patch] !== k) heightMm[patch]! += series.extentsMm[k]!;
      lastSlice[patch] = k;
      if (k === 0 || k === mask.length - 1) leavesScan[patch] = 1;
      if (lungs === null) continue;
      for (let i = line + patches.start[run]!; i < line + patches.end[run]!; i++)
        if (lungs.nearLung[k]![blockOf[i]!] === 1) nearLung[patch]!++;
    }
    const ruleOf = (patch: number): keyof RemovedMl | null => {
      const share = nearLung[patch]! / patches.sizes[patch]!;
      const enough = isEffusion || volumeMm3[patch]! >= LARGE_MM3 ? 0 : MIN_NEAR_LUNG;
      if (lungs !== null && (share === 0 || share < enough)) return 'awayFromLung';
      if (volumeMm3[patch]! < (isEffusion ? MIN_EFFUSION_MM3 : MIN_VOLUME_MM3)) return 'speck';
      if (leavesScan[patch] === 0 && heightMm[patch]! < MIN_THICKNESS_MM) return 'thin';
      return thickestMm !== null && thickestMm[patch]! < MIN_THICKNESS_MM ? 'thin' : null;
    };
    const rules = Array.from(patches.sizes, (_, patch) => ruleOf(patch));
    for (const [patch, rule] of rules.entries())
      if (rule !== null) removedMl[rule] += volumeMm3[patch]! / 1000;
    paint(mask, columns, patches, 0, (patch) => rules[patch] !== null);
    await breathe();
  }
  return removedMl;
}

function ruleOfCell(cell: number): keyof RemovedMl | null {
  if (cell === CELL.outside || cell === CELL.cutLung) return 'outsideBody';
  if (cell === CELL.bone) return 'boneOrContrast';
  return cell === CELL.airway ? 'airway' : null;
}

/** Largest thickness of each patch in a slice, mm. */
function thickestOf(
  patches: Runs,
  mask: readonly Uint8Array[],
  columns: number,
  spacingMm: readonly [number, number],
): Float64Array {
  const isSet = Uint8Array.from({ length: 256 }, (_, value) =>
    value === GGO || value === CONSOLIDATION ? 1 : 0,
  );
  const rows = mask[0]!.length / columns;
  const pixelMm = Math.min(...spacingMm);
  const thickest = new Float64Array(patches.sizes.length);
  for (let first = 0, after = 0; first < patches.line.length; first = after) {
    const k = Math.floor(patches.line[first]! / rows);
    const box = { top: patches.line[first]! - k * rows, bottom: 0, left: columns, right: 0 };
    for (; after < patches.line.length && patches.line[after]! < (k + 1) * rows; after++) {
      box.bottom = patches.line[after]! - k * rows + 1;
      box.left = Math.min(box.left, patches.start[after]!);
      box.right = Math.max(box.right, patches.end[after]!);
    }
    const thick = thickness(mask[k]!, columns, isSet, box);
    for (let run = first; run < after; run++) {
      const line = (patches.line[run]! - k * rows - box.top) * (box.right - box.left) - box.left;
      const patch = patches.component[run]!;
      for (let i = line + patches.start[run]!; i < line + patches.end[run]!; i++)
        thickest[patch] = Math.max(thickest[patch]!, thick[i]! * pixelMm);
    }
  }
  return thickest;
}

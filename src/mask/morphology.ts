import { boundingBox, boxes, connectedRuns, type PixelBox, paint } from '../lib/components';
import { type BinaryVolume, markNear } from './ball';
import type { CoarseGrid } from './coarse-grid';

type Geometry = Pick<CoarseGrid, 'rows' | 'columns' | 'spacingMm' | 'distancesMm'>;

/** All voxels within radiusMm of a set one: dilation by a ball, with the true distances of an anisotropic grid. */
export async function dilate(volume: BinaryVolume, grid: Geometry, radiusMm: number): Promise<Uint8Array[]> {
  const dilated = volume.map((slice) => new Uint8Array(slice.length));
  const box = boxAround(volume, grid, radiusMm);
  if (box !== null) await markNear(volume, grid, radiusMm, box, 'set', dilated, 1);
  return dilated;
}

/** Voxels with no unset one within radiusMm. Beyond the ends of the volume everything counts as set. */
export async function erode(volume: BinaryVolume, grid: Geometry, radiusMm: number): Promise<Uint8Array[]> {
  const eroded = volume.map((slice) => slice.slice());
  const box = boxAround(volume, grid, 2 * Math.max(...grid.spacingMm));
  if (box !== null) await markNear(volume, grid, radiusMm, box, 'unset', eroded, 0);
  return eroded;
}

/** Dilation, then erosion: fills gaps narrower than twice the radius. */
export async function close(volume: BinaryVolume, grid: Geometry, radiusMm: number): Promise<Uint8Array[]> {
  return erode(await dilate(volume, grid, radiusMm), grid, radiusMm);
}

/** Fills, in each slice, what the set pixels enclose. In place. */
export function fillHoles(volume: BinaryVolume, { rows, columns }: Geometry): void {
  for (const slice of volume) {
    const rest = connectedRuns([slice], columns, [0]);
    const enclosed = boxes(rest).map(
      (box) => box.top > 0 && box.left > 0 && box.bottom < rows && box.right < columns,
    );
    paint([slice], columns, rest, 1, (region) => enclosed[region]!);
  }
}

/** Of the set voxels over all slices, widened by marginMm; null where none is set. */
function boxAround(
  volume: BinaryVolume,
  { rows, columns, spacingMm }: Geometry,
  marginMm: number,
): PixelBox | null {
  const box = boundingBox(volume, columns);
  if (box === null) return null;
  const marginRows = Math.ceil(marginMm / spacingMm[0]) + 1;
  const marginColumns = Math.ceil(marginMm / spacingMm[1]) + 1;
  return {
    top: Math.max(0, box.top - marginRows),
    bottom: Math.min(rows, box.bottom + marginRows),
    left: Math.max(0, box.left - marginColumns),
    right: Math.min(columns, box.right + marginColumns),
  };
}

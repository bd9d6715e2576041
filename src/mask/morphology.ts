import { setImmediate as breathe } from 'node:timers/promises';
import { boxes, connectedRuns, type PixelBox, paint } from '../lib/components';
import type { CoarseGrid } from './coarse-grid';

/** A binary volume, [slices][rows * columns], 1 where set. */
export type BinaryVolume = readonly Uint8Array[];

type Geometry = Pick<CoarseGrid, 'rows' | 'columns' | 'spacingMm' | 'distancesMm'>;

/** All voxels within radiusMm of a set one: dilation by a ball, with the true distances of an anisotropic grid. */
export async function dilate(volume: BinaryVolume, grid: Geometry, radiusMm: number): Promise<Uint8Array[]> {
  const box = boundingBox(volume, grid, radiusMm);
  return box === null ? volume.map((slice) => slice.slice()) : dilateWithin(volume, grid, radiusMm, box, 1);
}

/** Voxels with no unset one within radiusMm. Beyond the ends of the volume everything counts as set. */
export async function erode(volume: BinaryVolume, grid: Geometry, radiusMm: number): Promise<Uint8Array[]> {
  const box = boundingBox(volume, grid, 2 * Math.max(...grid.spacingMm));
  if (box === null) return volume.map((slice) => slice.slice());
  const eroded = await dilateWithin(volume, grid, radiusMm, box, 0);
  for (const [k, slice] of eroded.entries())
    for (let i = 0; i < slice.length; i++) slice[i] = slice[i] === 0 ? volume[k]![i]! : 0;
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

/** 1 for each voxel inside the box that has a voxel equal to `member` within radiusMm. */
async function dilateWithin(
  volume: BinaryVolume,
  grid: Geometry,
  radiusMm: number,
  box: PixelBox,
  member: 0 | 1,
): Promise<Uint8Array[]> {
  const { columns, distancesMm } = grid;
  const width = box.right - box.left;
  const limit = radiusMm * radiusMm;
  const inSlice = new Map<number, Float32Array>();
  const distances = (k: number): Float32Array => {
    const kept = inSlice.get(k) ?? squaredDistances(volume[k]!, grid, radiusMm, box, member);
    inSlice.set(k, kept);
    return kept;
  };
  const grown: Uint8Array[] = [];
  for (let k = 0; k < volume.length; k++) {
    const out = new Uint8Array(volume[k]!.length);
    for (let j = 0; j < volume.length; j++) {
      const dz = distancesMm[j]! - distancesMm[k]!;
      if (dz < -radiusMm) inSlice.delete(j);
      if (Math.abs(dz) > radiusMm) continue;
      const near = distances(j);
      const left = limit - dz * dz;
      for (let row = box.top, i = 0; row < box.bottom; row++) {
        const line = row * columns + box.left;
        for (let column = 0; column < width; column++, i++) if (near[i]! <= left) out[line + column] = 1;
      }
    }
    grown.push(out);
    await breathe();
  }
  return grown;
}

/** Squared distance in the slice, mm2, of each pixel of the box to the nearest `member`; Infinity beyond radiusMm. */
function squaredDistances(
  slice: Uint8Array,
  { columns, spacingMm }: Geometry,
  radiusMm: number,
  box: PixelBox,
  member: 0 | 1,
): Float32Array {
  const width = box.right - box.left;
  const height = box.bottom - box.top;
  const across = new Float32Array(width * height).fill(Infinity);
  const reach = Math.ceil(radiusMm / spacingMm[1]);
  const filled = new Uint8Array(height);
  for (let row = 0; row < height; row++) {
    const from = (box.top + row) * columns + box.left;
    const to = row * width;
    for (let column = 0, last = -Infinity; column < width; column++) {
      if (slice[from + column] === member) {
        last = column;
        filled[row] = 1;
      }
      if (column - last <= reach) across[to + column] = ((column - last) * spacingMm[1]) ** 2;
    }
    if (filled[row] === 0) continue;
    for (let column = width - 1, last = Infinity; column >= 0; column--) {
      if (slice[from + column] === member) last = column;
      if (last - column <= reach)
        across[to + column] = Math.min(across[to + column]!, ((last - column) * spacingMm[1]) ** 2);
    }
  }
  const rowReach = Math.floor(radiusMm / spacingMm[0]);
  const nearest = new Float32Array(width * height).fill(Infinity);
  for (let row = 0; row < height; row++) {
    for (let other = Math.max(0, row - rowReach); other <= Math.min(height - 1, row + rowReach); other++) {
      if (filled[other] === 0) continue;
      const dy2 = ((other - row) * spacingMm[0]) ** 2;
      for (let i = row * width, j = other * width, end = i + width; i < end; i++, j++)
        if (across[j]! + dy2 < nearest[i]!) nearest[i] = across[j]! + dy2;
    }
  }
  return nearest;
}

/** Of the set voxels over all slices, widened by marginMm; null where none is set. */
function boundingBox(
  volume: BinaryVolume,
  { rows, columns, spacingMm }: Geometry,
  marginMm: number,
): PixelBox | null {
  const box = { top: Infinity, bottom: 0, left: Infinity, right: 0 };
  for (const slice of volume) {
    for (let row = 0; row < rows; row++) {
      const line = slice.subarray(row * columns, (row + 1) * columns);
      const first = line.indexOf(1);
      if (first < 0) continue;
      box.top = Math.min(box.top, row);
      box.bottom = Math.max(box.bottom, row + 1);
      box.left = Math.min(box.left, first);
      box.right = Math.max(box.right, line.lastIndexOf(1) + 1);
    }
  }
  if (box.bottom === 0) return null;
  const marginRows = Math.ceil(marginMm / spacingMm[0]) + 1;
  const marginColumns = Math.ceil(marginMm / spacingMm[1]) + 1;
  return {
    top: Math.max(0, box.top - marginRows),
    bottom: Math.min(rows, box.bottom + marginRows),
    left: Math.max(0, box.left - marginColumns),
    right: Math.min(columns, box.right + marginColumns),
  };
}

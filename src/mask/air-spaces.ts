import { connectedRuns, largest, paint } from '../lib/components';
import { CELL } from './anatomy';
import type { BinaryVolume } from './ball';
import type { CoarseGrid } from './coarse-grid';
import { erode } from './morphology';

/** A second air space of less than this part of the first is no lung; of more than half of it, surely the other lung. */
const MIN_SHARE = 0.1;
const SURE_SHARE = 0.5;
/** Lungs lie side by side: they share at least this part of the shorter one's height. A gas-filled stomach does not. */
const MIN_HEIGHT_SHARED = 0.4;
/** Fused lungs are parted at the thinnest sheet: by the smallest of these erosions that leaves two large pieces. */
const EROSIONS_MM = [2, 4, 6, 8, 10];
const MIN_PIECE_SHARE = 0.15;
/** Pieces whose centres are less apart, right to left, are lobes of one lung. */
const MIN_APART_MM = 60;

/** Gas of the stomach may touch the lung through a thin, blurred diaphragm: an erosion parts it, and it is dark. */
const MIN_NECK_MM = 3;
const MAX_NECK_MM = 8;
const MIN_GAS_ML = 5;
const MIN_GAS_DARK = 0.8;

export interface AirSpaces {
  right: Uint8Array[];
  left: Uint8Array[];
}

/**
 * The two aerated lungs, without airways and without gas that hangs on them; null where there are not two.
 *
 * cells: as labelled, airways marked. Sides are the patient's: in an upright slice x, which grows to the patient's left
 * (LPS), grows with the columns.
 */
export async function airSpaces(cells: readonly Uint8Array[], grid: CoarseGrid): Promise<AirSpaces | null> {
  const two = await twoLargest(cells, grid);
  if (two === null) return null;
  for (const lung of two) await dropGas(lung, cells, grid);
  const [a, b] = two;
  return meanX(a, 1, grid) < meanX(b, 1, grid) ? { right: a, left: b } : { right: b, left: a };
}

type Two = [Uint8Array[], Uint8Array[]];

async function twoLargest(cells: readonly Uint8Array[], grid: CoarseGrid): Promise<Two | null> {
  const air = connectedRuns(cells, grid.columns, [CELL.air, CELL.darkAir]);
  const extract = (component: number): Uint8Array[] => {
    const volume = cells.map((slice) => new Uint8Array(slice.length));
    paint(volume, grid.columns, air, 1, (candidate) => candidate === component);
    return volume;
  };
  const bySize = [...air.sizes.keys()].sort((a, b) => air.sizes[b]! - air.sizes[a]!);
  if (bySize.length === 0) return null;
  const firstSize = air.sizes[bySize[0]!]!;
  const first = extract(bySize[0]!);
  let second: Uint8Array[] | null = null;
  let secondSize = 0;
  for (const component of bySize.slice(1)) {
    if (air.sizes[component]! < MIN_SHARE * firstSize) break;
    const candidate = extract(component);
    if (heightShared(first, candidate) < MIN_HEIGHT_SHARED) continue;
    [second, secondSize] = [candidate, air.sizes[component]!];
    break;
  }
  if (second !== null && secondSize >= SURE_SHARE * firstSize) return [first, second];
  return (await partFused(first, grid)) ?? (second === null ? null : [first, second]);
}

/** Takes away dark pieces that hang on the lung by a neck. In place. */
async function dropGas(lung: Uint8Array[], cells: readonly Uint8Array[], grid: CoarseGrid): Promise<void> {
  // A smaller ball would not reach the next slice, and a contact from slice to slice would hold.
  const neckMm = Math.min(MAX_NECK_MM, Math.max(MIN_NECK_MM, 1.01 * median(grid.extentsMm)));
  const pieces = connectedRuns(await erode(lung, grid, neckMm), grid.columns, [1]);
  const volumeMl = new Float64Array(pieces.sizes.length);
  const dark = new Float64Array(pieces.sizes.length);
  for (let run = 0; run < pieces.line.length; run++) {
    const k = Math.floor(pieces.line[run]! / grid.rows);
    const line = (pieces.line[run]! - k * grid.rows) * grid.columns;
    const piece = pieces.component[run]!;
    volumeMl[piece]! += ((pieces.end[run]! - pieces.start[run]!) * grid.pixelMm2 * grid.extentsMm[k]!) / 1000;
    for (let i = line + pieces.start[run]!; i < line + pieces.end[run]!; i++)
      if (cells[k]![i] === CELL.darkAir) dark[piece]!++;
  }
  const main = largest(pieces);
  const isGas = (piece: number) =>
    piece !== main && volumeMl[piece]! >= MIN_GAS_ML && dark[piece]! >= MIN_GAS_DARK * pieces.sizes[piece]!;
  if (!pieces.sizes.some((_, piece) => isGas(piece))) return;
  const labels = lung.map((slice) => new Uint8Array(slice.length));
  paint(labels, grid.columns, pieces, 1, (piece) => !isGas(piece));
  paint(labels, grid.columns, pieces, 2, isGas);
  growWithin(lung, labels, grid);
  for (const [k, slice] of lung.entries())
    for (let i = 0; i < slice.length; i++) if (labels[k]![i] === 2) slice[i] = 0;
}

/** Two pieces of one air space, or null where it does not come apart into two lungs. */
async function partFused(whole: BinaryVolume, grid: CoarseGrid): Promise<Two | null> {
  for (const radiusMm of EROSIONS_MM) {
    const pieces = connectedRuns(await erode(whole, grid, radiusMm), grid.columns, [1]);
    const [a, b] = [...pieces.sizes.keys()].sort((p, q) => pieces.sizes[q]! - pieces.sizes[p]!);
    if (a === undefined || b === undefined || pieces.sizes[b]! < MIN_PIECE_SHARE * pieces.sizes[a]!) continue;
    const labels = whole.map((slice) => new Uint8Array(slice.length));
    paint(labels, grid.columns, pieces, 1, (piece) => piece === a);
    paint(labels, grid.columns, pieces, 2, (piece) => piece === b);
    if (Math.abs(meanX(labels, 1, grid) - meanX(labels, 2, grid)) < MIN_APART_MM) continue;
    growWithin(whole, labels, grid);
    const only = (label: number) => labels.map((slice) => slice.map((value) => (value === label ? 1 : 0)));
    return [only(1), only(2)];
  }
  return null;
}

/** Lets the labels grow by one voxel at a time, all at once, until they fill the whole. In place. */
function growWithin(whole: BinaryVolume, labels: Uint8Array[], { rows, columns }: CoarseGrid): void {
  const pixels = rows * columns;
  let front: number[] = [];
  for (const [k, slice] of labels.entries())
    for (let i = 0; i < pixels; i++) if (slice[i] !== 0) front.push(k * pixels + i);
  while (front.length > 0) {
    const next: number[] = [];
    for (const voxel of front) {
      const k = Math.floor(voxel / pixels);
      const i = voxel - k * pixels;
      const label = labels[k]![i]!;
      const visit = (slice: number, pixel: number) => {
        if (whole[slice]![pixel] === 0 || labels[slice]![pixel] !== 0) return;
        labels[slice]![pixel] = label;
        next.push(slice * pixels + pixel);
      };
      const column = i % columns;
      if (column > 0) visit(k, i - 1);
      if (column < columns - 1) visit(k, i + 1);
      if (i >= columns) visit(k, i - columns);
      if (i < pixels - columns) visit(k, i + columns);
      if (k > 0) visit(k - 1, i);
      if (k < labels.length - 1) visit(k + 1, i);
    }
    front = next;
  }
}

/** Mean patient x of the voxels with this label, mm up to a constant. */
function meanX(volume: BinaryVolume, label: number, { columns, spacingMm }: CoarseGrid): number {
  const sum = { pixels: 0, column: 0 };
  for (const slice of volume) {
    for (let i = 0; i < slice.length; i++) {
      if (slice[i] !== label) continue;
      sum.pixels++;
      sum.column += i % columns;
    }
  }
  return (sum.column / sum.pixels) * spacingMm[1];
}

/** Slices that both have, as a part of those of the one with fewer. */
function heightShared(a: BinaryVolume, b: BinaryVolume): number {
  const inA = a.map((slice) => slice.includes(1));
  const inB = b.map((slice) => slice.includes(1));
  const count = (flags: readonly boolean[]) => flags.filter(Boolean).length;
  return count(inA.map((flag, k) => flag && inB[k]!)) / Math.min(count(inA), count(inB));
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

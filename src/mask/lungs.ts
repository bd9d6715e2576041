import { BODY, bodyCells, ENCLOSED_AIR } from '../lib/body';
import { connectedRuns, paint, type Runs } from '../lib/components';
import type { HuVolume } from '../volume/types';
import { removeAirway } from './airway';
import { close } from './discs';
import { headLast, LEFT, RIGHT, xOf } from './sides';
import { splitFused } from './split';

/** Lung against tissue, HU: half way between aerated lung and soft tissue. */
const LUNG_HU = -400;
/** Vessels, fissures and small lesions up to twice this width belong to the lung, mm. */
const CLOSING_MM = 12;
/** Less enclosed air than this is no lung, mL. */
const MIN_LUNG_ML = 80;
/** A second component smaller than this share of the first: the lungs are fused, or there is but one. */
const SECOND_SHARE = 0.15;
/** One component with at least this share on either side of the body's middle is two lungs. */
const FUSED_SHARE = 0.2;

export interface LungMask {
  /** 0, RIGHT or LEFT per pixel [rows * columns] of each slice; closed, so vessels and small lesions are inside. */
  labels: readonly Uint8Array[];
  /** LPS x of the plane between the lungs, mm: the side of what lies in neither. Null without two lungs. */
  midlineX: number | null;
}

/**
 * Both lungs by threshold, without a net: air that the body encloses, less the airway, its two largest components, split
 * where they are fused, closed per slice. Works from any orientation that `arrange` lets through.
 */
export function lungMask(volume: HuVolume): LungMask {
  const { rows, columns, spacingMm, series } = volume;
  const pixelMm2 = spacingMm[0] * spacingMm[1];
  const bodyX: number[] = [];
  const air = series.slices.map((_, k) => {
    const cells = bodyCells(volume.huSlice(k), columns, LUNG_HU);
    bodyX.push(centreX(cells, k, volume));
    return cells.map((cell) => (cell === ENCLOSED_AIR ? 1 : 0));
  });
  const order = series.distancesMm.map((mm, k) => ({ k, mm }));
  if (headLast(volume)) order.reverse();
  const headMm = order[0]!.mm;
  removeAirway(
    air,
    (k) => volume.huSlice(k),
    columns,
    pixelMm2,
    order.map(({ k, mm }) => ({ k, mm: Math.abs(mm - headMm) })),
  );

  if (!partedByThemselves(air, volume, pixelMm2)) {
    const right = shareRightOf(median(bodyX), air, volume);
    if (right < FUSED_SHARE || right > 1 - FUSED_SHARE) relabel(air, right > 0.5 ? RIGHT : LEFT);
    else splitFused(air, volume);
  }
  const labels = air.map((slice) => closed(slice, rows, columns, spacingMm));
  return { labels, midlineX: midline(labels, volume) };
}

/**
 * Keeps the two largest components and labels them RIGHT and LEFT in place. False, and one component of 1, where there
 * is no second of a lung's size.
 */
function partedByThemselves(air: readonly Uint8Array[], volume: HuVolume, pixelMm2: number): boolean {
  const { columns } = volume;
  const runs = connectedRuns(air, columns, [1]);
  const { ml, x } = volumesAndCentres(runs, volume, pixelMm2);
  const ranked = [...ml.keys()].filter((c) => ml[c]! >= MIN_LUNG_ML).sort((a, b) => ml[b]! - ml[a]!);
  const [first, second] = ranked;
  const parted = first !== undefined && second !== undefined && ml[second]! >= SECOND_SHARE * ml[first]!;
  if (!parted) {
    paint(air, columns, runs, 0, (c) => c !== first);
    return false;
  }
  const right = x[first]! < x[second]! ? first : second;
  paint(air, columns, runs, 0, (c) => c !== first && c !== second);
  paint(air, columns, runs, LEFT, (c) => c === first + second - right);
  paint(air, columns, runs, RIGHT, (c) => c === right);
  return true;
}

const relabel = (air: readonly Uint8Array[], side: number): void => {
  for (const slice of air) slice.forEach((value, i) => value === 1 && (slice[i] = side));
};

/** Share of the air that lies to the right of x. */
function shareRightOf(x: number, air: readonly Uint8Array[], volume: HuVolume): number {
  const at = xOf(volume);
  let [right, all] = [0, 0];
  air.forEach((slice, k) => {
    for (let i = 0; i < slice.length; i += 1) {
      if (slice[i] === 0) continue;
      all += 1;
      if (at(k, i) < x) right += 1;
    }
  });
  return all === 0 ? 0 : right / all;
}

/** LPS x of the middle of the body in a slice. */
function centreX(cells: Uint8Array, k: number, volume: HuVolume): number {
  const at = xOf(volume);
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < cells.length; i += 1) {
    if (cells[i] !== BODY) continue;
    const x = at(k, i);
    low = Math.min(low, x);
    high = Math.max(high, x);
  }
  return (low + high) / 2;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

function volumesAndCentres(
  runs: Runs,
  volume: HuVolume,
  pixelMm2: number,
): { ml: Float64Array; x: Float64Array } {
  const { rows, columns, series } = volume;
  const at = xOf(volume);
  const ml = new Float64Array(runs.sizes.length);
  const x = new Float64Array(runs.sizes.length);
  for (const [run, line] of runs.line.entries()) {
    const k = Math.floor(line / rows);
    const [start, end] = [runs.start[run]!, runs.end[run]!];
    const weight = ((end - start) * pixelMm2 * series.extentsMm[k]!) / 1000;
    const component = runs.component[run]!;
    ml[component] = ml[component]! + weight;
    x[component] = x[component]! + weight * at(k, (line - k * rows) * columns + (start + end - 1) / 2);
  }
  return { ml, x: x.map((sum, c) => sum / ml[c]!) };
}

/** Each lung of a slice closed by itself, so that the mediastinum between them stays out; at half resolution. */
function closed(
  labels: Uint8Array,
  rows: number,
  columns: number,
  spacingMm: readonly [number, number],
): Uint8Array {
  const result = Uint8Array.from(labels);
  for (const side of [RIGHT, LEFT]) {
    const box = boxOf(labels, columns, side);
    if (box === null) continue;
    const step = Math.max(1, Math.round(1.4 / Math.min(...spacingMm)));
    const height = Math.ceil((box.bottom - box.top) / step);
    const width = Math.ceil((box.right - box.left) / step);
    const coarse = new Uint8Array(height * width);
    for (let row = box.top; row < box.bottom; row += 1)
      for (let column = box.left; column < box.right; column += 1)
        if (labels[row * columns + column] === side)
          coarse[Math.floor((row - box.top) / step) * width + Math.floor((column - box.left) / step)] = 1;
    const filled = close(coarse, width, [spacingMm[0] * step, spacingMm[1] * step], CLOSING_MM);
    for (let row = box.top; row < Math.min(rows, box.bottom); row += 1)
      for (let column = box.left; column < box.right; column += 1) {
        const i = row * columns + column;
        const inside =
          filled[Math.floor((row - box.top) / step) * width + Math.floor((column - box.left) / step)];
        if (inside === 1 && result[i] === 0) result[i] = side;
      }
  }
  return result;
}

function boxOf(
  labels: Uint8Array,
  columns: number,
  side: number,
): { top: number; bottom: number; left: number; right: number } | null {
  const box = { top: Infinity, bottom: 0, left: Infinity, right: 0 };
  for (let i = labels.indexOf(side); i >= 0; i = labels.indexOf(side, i + 1)) {
    const [row, column] = [Math.floor(i / columns), i % columns];
    box.top = Math.min(box.top, row);
    box.bottom = Math.max(box.bottom, row + 1);
    box.left = Math.min(box.left, column);
    box.right = Math.max(box.right, column + 1);
  }
  return box.bottom === 0 ? null : box;
}

function midline(labels: readonly Uint8Array[], volume: HuVolume): number | null {
  const at = xOf(volume);
  const sum = { [RIGHT]: 0, [LEFT]: 0 };
  const count = { [RIGHT]: 0, [LEFT]: 0 };
  labels.forEach((slice, k) => {
    // Every seventh pixel: a mean needs no more.
    for (let i = 0; i < slice.length; i += 7) {
      const side = slice[i]!;
      if (side !== RIGHT && side !== LEFT) continue;
      sum[side] += at(k, i);
      count[side] += 1;
    }
  });
  if (count[RIGHT] === 0 || count[LEFT] === 0) return null;
  return (sum[RIGHT] / count[RIGHT] + sum[LEFT] / count[LEFT]) / 2;
}

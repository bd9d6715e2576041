import { BODY, bodyCells } from '../../lib/body';
import { boundingBox, type PixelBox } from '../../lib/components';
import type { LesionMask } from '../../mask/types';
import type { HuVolume } from '../../volume/types';

/**
 * Indices of the `count` slices to look at, ascending: for each class the one that has most of it, then those with the
 * most disease that are not neighbours of one chosen; evenly spaced ones where nothing was found.
 */
export function slicesToShow(mask: LesionMask, count: number): number[] {
  const areas = mask.map(countClasses);
  const total = areas.map((area) => area[1]! + area[2]! + area[3]!);
  const diseased = [...mask.keys()].filter((k) => total[k]! > 0).sort((a, b) => total[b]! - total[a]!);
  if (diseased.length === 0) return evenly(mask.length, count);
  const chosen = new Set<number>();
  for (const label of [1, 2, 3] as const) {
    const most = diseased.reduce((a, b) => (areas[b]![label]! > areas[a]![label]! ? b : a));
    if (areas[most]![label]! > 0) chosen.add(most);
  }
  for (let distance = Math.ceil(mask.length / (2 * count)); distance > 0; distance--)
    for (const k of diseased)
      if (chosen.size < count && [...chosen].every((other) => Math.abs(other - k) >= distance)) chosen.add(k);
  return [...chosen].sort((a, b) => a - b);
}

/** Pixels of each class on one slice, by class index. */
function countClasses(labels: Uint8Array): Uint32Array {
  const counts = new Uint32Array(4);
  for (let i = 0; i < labels.length; i++) counts[labels[i]!]!++;
  return counts;
}

/** `count` of `length` slices at equal steps, without the ends. */
function evenly(length: number, count: number): number[] {
  const shown = Math.min(length, count);
  return Array.from({ length: shown }, (_, i) => Math.floor(((i + 0.5) * length) / shown));
}

const TISSUE_HU = -300;
const MARGIN = 6;

/** Pixels around the body on all of the given slices; the whole slice where there is no body. */
export function bodyBox({ rows, columns, huSlice }: HuVolume, slices: readonly number[]): PixelBox {
  const cells = slices.map((k) => bodyCells(huSlice(k), columns, TISSUE_HU));
  const body = boundingBox(cells, columns, BODY);
  if (body === null) return { top: 0, bottom: rows, left: 0, right: columns };
  const { top, bottom, left, right } = body;
  return { top: top - MARGIN, bottom: bottom + MARGIN, left: left - MARGIN, right: right + MARGIN };
}

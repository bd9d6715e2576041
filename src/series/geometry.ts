import type { Slice } from './types';

export type Xyz = readonly [number, number, number];

export const dot = (a: Xyz, b: Xyz): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const subtract = (a: Xyz, b: Xyz): Xyz => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];

/** A slice whose place in the patient is known. */
export type PlacedSlice = Slice & {
  position: NonNullable<Slice['position']>;
  orientation: NonNullable<Slice['orientation']>;
  pixelSpacing: NonNullable<Slice['pixelSpacing']>;
};

export const isPlaced = (slice: Slice): slice is PlacedSlice =>
  slice.position !== null && slice.orientation !== null && slice.pixelSpacing !== null;

/** Unit vector, row x column cosines, LPS (PS3.3 C.7.6.2.1.1). */
export function normalOf({ orientation }: PlacedSlice): Xyz {
  const [a, b, c, d, e, f] = orientation.values as [number, number, number, number, number, number];
  const cross: Xyz = [b * f - c * e, c * d - a * f, a * e - b * d];
  const length = Math.hypot(...cross);
  return [cross[0] / length, cross[1] / length, cross[2] / length];
}

const ORIENTATIONS = ['sagittal', 'coronal', 'axial'] as const;

/** The plane that a slice is nearest to; null without geometry. */
export function orientationOf(slice: Slice): (typeof ORIENTATIONS)[number] | null {
  if (!isPlaced(slice)) return null;
  const across = normalOf(slice).map(Math.abs);
  return ORIENTATIONS[across.indexOf(Math.max(...across))] ?? null;
}

export const positionOf = ({ position }: PlacedSlice): Xyz => position.values as unknown as Xyz;

/** Of a slice along `normal`, mm. */
export const distanceOf = (slice: PlacedSlice, normal: Xyz): number => dot(positionOf(slice), normal);

/** Steps between neighbours, mm. */
export const steps = (distancesMm: readonly number[]): number[] =>
  distancesMm.slice(1).map((distance, i) => distance - (distancesMm[i] as number));

/** The lower of the two middle values: a gap never becomes the rule. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}

/**
 * What each slice stands for along the normal, mm: half the distance to both neighbours; an end slice reaches as
 * far out as in. A single slice stands for its thickness.
 */
export function extents(distancesMm: readonly number[], singleThicknessMm: number): number[] {
  const between = steps(distancesMm);
  if (between.length === 0) return [singleThicknessMm];
  return distancesMm.map((_, i) => {
    const before = between[i - 1] ?? (between[i] as number);
    const after = between[i] ?? before;
    return (before + after) / 2;
  });
}

/** A step to the next slice that is longer than those around it. */
export interface Gap {
  /** Index of the slice before it. */
  after: number;
  lengthMm: number;
  /** Slices that would fit in. */
  missing: number;
}

/**
 * Interior gaps: steps of at least one and a half times the usual step around them (three on either side), so that a
 * protocol that changes its spacing on the way has none.
 */
export function gaps(distancesMm: readonly number[]): Gap[] {
  const between = steps(distancesMm);
  return between.flatMap((lengthMm, after) => {
    const usual = median(between.slice(Math.max(0, after - 3), after + 4));
    return lengthMm >= 1.5 * usual ? [{ after, lengthMm, missing: Math.round(lengthMm / usual) - 1 }] : [];
  });
}

/** Angle between the way the slices are stacked and their normal, degrees: the gantry's, whatever the tag says. */
export function tiltDegrees(ordered: readonly PlacedSlice[], normal: Xyz): number {
  const first = ordered[0];
  const last = ordered.at(-1);
  if (first === undefined || last === undefined || first === last) return 0;
  const way = subtract(positionOf(last), positionOf(first));
  const cosine = dot(way, normal) / Math.hypot(...way);
  return (Math.acos(Math.min(1, cosine)) * 180) / Math.PI;
}

import type { HuVolume } from '../../../src/volume/types';

/** Patient coordinates, mm, LPS: x to the patient's left, y to the back, z to the head. */
export type Point = readonly [x: number, y: number, z: number];
export type Shape = (p: Point) => boolean;

export const ellipsoid =
  ([cx, cy, cz]: Point, [rx, ry, rz]: Point): Shape =>
  ([x, y, z]) =>
    ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + ((z - cz) / rz) ** 2 <= 1;
export const ball = (centre: Point, radius: number): Shape => ellipsoid(centre, [radius, radius, radius]);
const tube =
  (x: number, y: number, radius: number, from: number, to: number): Shape =>
  ([px, py, pz]) =>
    (px - x) ** 2 + (py - y) ** 2 <= radius ** 2 && pz >= from && pz <= to;

const body = ellipsoid([0, 0, 0], [165, 110, 1e6]);
/** Under the back; of a patient on the left side, under that. It touches the body, along which it lies. */
type Couch = (p: Point) => [along: number, deep: number];
const underBack: Couch = ([x, y]) => [x, y - 106];
const underLeftSide: Couch = ([x, y]) => [y, x - 161];
const isInCouch = ([along, deep]: readonly [number, number]) =>
  Math.abs(along) < 170 && deep > 0 && deep < 28;
const isInHollow = ([along, deep]: readonly [number, number]) =>
  Math.abs(along) < 164 && deep > 6 && deep < 22;
export const heart = ellipsoid([15, -25, -40], [52, 42, 45]);
export const spine = ellipsoid([0, 78, 0], [18, 18, 1e6]);
const trachea = tube(0, 0, 9, 20, 1000);
const bronchi: Shape = ([x, y, z]) => Math.abs(x) < 40 && y ** 2 + (z - 26 + 0.6 * Math.abs(x)) ** 2 <= 49;
const rightCavity = ellipsoid([-76, 0, 0], [56, 80, 110]);
const leftCavity = ellipsoid([76, 0, 0], [54, 78, 106]);
/** A rib cage that is widest at the base, open below. */
const cage =
  (rx: number, ry: number, rz: number): Shape =>
  ([x, y, z]) =>
    (x / rx) ** 2 + (y / ry) ** 2 + (Math.max(z, 0) / rz) ** 2 <= 1;
const outer = cage(146, 96, 135);
const inner = cage(138, 88, 130);
/** Oblique, with gaps as wide as they are. */
const ribs: Shape = (p) => outer(p) && !inner(p) && (((p[2] + 0.4 * p[1]) % 24) + 24) % 24 < 12;

export const lung = {
  right: (p: Point) => rightCavity(p) && !heart(p) && !bronchi(p) && !spine(p),
  left: (p: Point) => leftCavity(p) && !heart(p) && !bronchi(p) && !spine(p),
};

export interface Lesion {
  shape: Shape;
  /** Class that the model says. */
  says: 0 | 1 | 2 | 3;
  /** Attenuation; left out: whatever is there. */
  hu?: number;
}

export interface ChestOptions {
  lesions?: Lesion[];
  /** Row cosines, column cosines. */
  orientation?: readonly number[];
  patientPosition?: 'HFS' | 'HFDL';
  rows?: number;
  columns?: number;
  spacingMm?: number;
  /** Distances of the slices along the normal; a single one stands for 5 mm. */
  distancesMm?: number[];
}

const UPRIGHT = [1, 0, 0, 0, 1, 0];
export const everyMm = (step: number, from = -140, to = 140): number[] =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, k) => from + k * step);

export interface Chest {
  volume: HuVolume;
  /** What the model says, a fresh copy. */
  raw(): Uint8Array[];
  /** Volume of the voxels in a shape, mL. */
  millilitres(shape: Shape): number;
}

/** A made-up chest on any axial grid. */
export function chest({
  lesions = [],
  orientation = UPRIGHT,
  patientPosition = 'HFS',
  rows = 84,
  columns = 100,
  spacingMm = 3.6,
  distancesMm = everyMm(6),
}: ChestOptions = {}): Chest {
  const [a, b] = [orientation.slice(0, 3), orientation.slice(3)] as [number[], number[]];
  const normal = [
    a[1]! * b[2]! - a[2]! * b[1]!,
    a[2]! * b[0]! - a[0]! * b[2]!,
    a[0]! * b[1]! - a[1]! * b[0]!,
  ] as const;
  const points = (k: number, i: number): Point => {
    const across = ((i % columns) - columns / 2) * spacingMm;
    const down = (Math.floor(i / columns) - rows / 2) * spacingMm;
    const along = distancesMm[k]!;
    return [
      across * a[0]! + down * b[0]! + along * normal[0],
      across * a[1]! + down * b[1]! + along * normal[1],
      across * a[2]! + down * b[2]! + along * normal[2],
    ];
  };
  const pixels = rows * columns;
  const couch = patientPosition === 'HFDL' ? underLeftSide : underBack;
  const hu = distancesMm.map((_, k) =>
    Float32Array.from({ length: pixels }, (__, i) => {
      const p = points(k, i);
      const grain = ((i * 7 + k * 13) % 41) - 20;
      const lesion = lesions.find(({ shape, hu: value }) => value !== undefined && shape(p));
      return (lesion?.hu ?? attenuation(p, couch)) + grain;
    }),
  );
  const says = distancesMm.map((_, k) =>
    Uint8Array.from(
      { length: pixels },
      (__, i) => lesions.find(({ shape }) => shape(points(k, i)))?.says ?? 0,
    ),
  );
  const extentsMm = distancesMm.map((d, k) => {
    const below = distancesMm[k - 1];
    const above = distancesMm[k + 1];
    if (below === undefined) return above === undefined ? 5 : above - d;
    return above === undefined ? d - below : (above - below) / 2;
  });
  const vector = (values: readonly number[]) => ({ values, strings: values.map(String) });
  const volume = {
    rows,
    columns,
    spacingMm: [spacingMm, spacingMm],
    huSlice: (k: number) => hu[k]!,
    series: {
      summary: { seriesUid: '1.2.3' },
      slices: distancesMm.map(() => ({ orientation: vector(orientation), patientPosition })),
      normal,
      distancesMm,
      extentsMm,
      warnings: [],
    },
  } as unknown as HuVolume;
  return {
    volume,
    raw: () => says.map((slice) => slice.slice()),
    millilitres: (shape) => {
      let sum = 0;
      for (const [k, extent] of extentsMm.entries())
        for (let i = 0; i < pixels; i++) if (shape(points(k, i))) sum += extent * spacingMm ** 2;
      return sum / 1000;
    },
  };
}

function attenuation(p: Point, couch: Couch): number {
  if (!body(p)) return isInCouch(couch(p)) ? (isInHollow(couch(p)) ? -930 : 120) : -1000;
  if (spine(p)) return 400;
  if (trachea(p) || bronchi(p)) return -1000;
  if (lung.right(p) || lung.left(p)) return -850;
  return ribs(p) ? 500 : 40;
}

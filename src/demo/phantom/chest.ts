import { tissue } from './anatomy';
import { lesionAt, lungHu, type Truth } from './lesions';
import { gaussianOf, randomOf } from './noise';
import { filled, reaching, vesselTrees } from './vessels';

export interface ChestOptions {
  slices: number;
  /** Rows and columns. */
  size: number;
  lesions: boolean;
  seed: number;
}

export const DEFAULT_CHEST: ChestOptions = { slices: 60, size: 512, lesions: true, seed: 20200410 };

const FIELD_OF_VIEW_MM = 400;
const LENGTH_MM = 300;
const NOISE_HU = 16;

export interface ChestSlice {
  /** Row-major [size * size], HU. */
  hu: Int16Array;
  /** Row-major [size * size], class index. */
  truth: Uint8Array;
  /** Centre of the first pixel, mm, LPS (PS3.3 C.7.6.2.1.1). */
  position: [number, number, number];
}

export interface Chest {
  spacingMm: number;
  sliceDistanceMm: number;
  slice(k: number): ChestSlice;
}

/** A synthetic chest CT with known truth. Slices run from the base (k = 0) to the apex; the same options give the same bytes. */
export function chest(options: ChestOptions): Chest {
  const { size, slices, seed } = options;
  const spacingMm = FIELD_OF_VIEW_MM / size;
  const sliceDistanceMm = LENGTH_MM / slices;
  const vessels = vesselTrees(seed);
  const origin = -FIELD_OF_VIEW_MM / 2 + spacingMm / 2;

  const slice = (k: number): ChestSlice => {
    const z = (k + 0.5) * sliceDistanceMm;
    const inSlice = reaching(vessels, 2, z, spacingMm);
    const lung = (lesion: Truth, near: typeof vessels, x: number, y: number): number => {
      const background = lungHu(lesion, x, y, z);
      if (lesion === 3) return background;
      return background + filled(near, x, y, z, spacingMm) * Math.max(0, 40 - background);
    };
    const ideal = new Float32Array(size * size);
    const truth = new Uint8Array(size * size);
    for (let row = 0; row < size; row += 1) {
      const y = origin + row * spacingMm;
      const near = reaching(inSlice, 1, y, spacingMm);
      for (let column = 0; column < size; column += 1) {
        const x = origin + column * spacingMm;
        const outside = tissue(x, y, z);
        const lesion: Truth = outside === null && options.lesions ? lesionAt(x, y, z) : 0;
        truth[row * size + column] = lesion;
        ideal[row * size + column] = outside ?? lung(lesion, near, x, y);
      }
    }
    return { hu: scanned(ideal, size, seed + k), truth, position: [origin, origin, z] };
  };

  return { spacingMm, sliceDistanceMm, slice };
}

/** What a scanner makes of it: a point spread of about a pixel and a half, then noise with its grain. */
function scanned(ideal: Float32Array, size: number, seed: number): Int16Array {
  const gaussian = gaussianOf(randomOf(seed));
  const grain = smoothed(
    Float32Array.from(ideal, () => gaussian()),
    size,
  );
  const blurred = smoothed(ideal, size);
  return Int16Array.from(blurred, (hu, i) =>
    Math.max(-1024, Math.min(3071, Math.round(hu + NOISE_HU * 2 * grain[i]!))),
  );
}

/** Binomial 1-2-1 in both directions; edges repeat. */
function smoothed(image: Float32Array, size: number): Float32Array {
  const pass = (from: Float32Array, step: number, position: (i: number) => number): Float32Array => {
    const to = new Float32Array(from.length);
    for (let i = 0; i < from.length; i += 1) {
      const at = position(i);
      const before = at > 0 ? from[i - step]! : from[i]!;
      const after = at < size - 1 ? from[i + step]! : from[i]!;
      to[i] = 0.25 * before + 0.5 * from[i]! + 0.25 * after;
    }
    return to;
  };
  const across = pass(image, 1, (i) => i % size);
  return pass(across, size, (i) => Math.floor(i / size));
}

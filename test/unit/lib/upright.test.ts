import { upright } from '../../../src/lib/upright';
import type { HuVolume } from '../../../src/volume/types';

const ROWS = 5;
const COLUMNS = 7;
const BETWEEN = [2, 3] as const;

/** A volume whose slice 0 holds the patient's x of every pixel, mm, slice 1 its y. */
function places(orientation: readonly number[]): HuVolume {
  const of = (axis: number) =>
    Float32Array.from({ length: ROWS * COLUMNS }, (_, i) => {
      const across = (i % COLUMNS) * BETWEEN[1];
      const down = Math.floor(i / COLUMNS) * BETWEEN[0];
      return across * orientation[axis]! + down * orientation[3 + axis]!;
    });
  const series = { slices: [0, 1].map(() => ({ orientation: { values: orientation, strings: [] } })) };
  return {
    rows: ROWS,
    columns: COLUMNS,
    spacingMm: BETWEEN,
    huSlice: of,
    series: series as unknown as HuVolume['series'],
  };
}

const [COS, SIN] = [Math.cos(0.35), Math.sin(0.35)];
const ORIENTATIONS: [string, number[]][] = [
  ['upright', [1, 0, 0, 0, 1, 0]],
  ['mirrored', [-1, 0, 0, 0, 1, 0]],
  ['upside down, mirrored', [1, 0, 0, 0, -1, 0]],
  ['upside down', [-1, 0, 0, 0, -1, 0]],
  ['transposed', [0, 1, 0, 1, 0, 0]],
  ['a quarter turn to one side', [0, 1, 0, -1, 0, 0]],
  ['a quarter turn to the other', [0, -1, 0, 1, 0, 0]],
  ['transposed, upside down', [0, -1, 0, -1, 0, 0]],
  ['upside down and 20 degrees', [-COS, -SIN, 0, SIN, -COS, 0]],
];

test.each(ORIENTATIONS)(
  '%s: columns go to the left, rows to the back, each by its spacing',
  (name, orientation) => {
    const { volume } = upright(places(orientation));
    const [x, y] = [volume.huSlice(0), volume.huSlice(1)];
    const cosine = name.includes('20 degrees') ? COS : 1;
    expect(volume.rows * volume.columns).toBe(ROWS * COLUMNS);
    for (let i = 0; i < x.length; i++) {
      if (i % volume.columns > 0) expect(x[i]! - x[i - 1]!).toBeCloseTo(volume.spacingMm[1] * cosine, 4);
      if (i >= volume.columns)
        expect(y[i]! - y[i - volume.columns]!).toBeCloseTo(volume.spacingMm[0] * cosine, 4);
    }
  },
);

test.each(ORIENTATIONS)(
  '%s: what is found in a pixel goes back to that pixel, and there',
  (_, orientation) => {
    const stored = places(orientation);
    const { volume, toUpright, toStored } = upright(stored);
    const [x, y] = [volume.huSlice(0), volume.huSlice(1)];
    for (let i = 0; i < x.length; i++) {
      const mask = new Uint8Array(x.length);
      mask[i] = 3;
      const found = toStored(mask).indexOf(3);
      expect([stored.huSlice(0)[found], stored.huSlice(1)[found]]).toEqual([x[i], y[i]]);
      expect(toUpright(toStored(mask))).toEqual(mask);
    }
  },
);

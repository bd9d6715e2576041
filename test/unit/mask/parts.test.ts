import fc from 'fast-check';
import { boundingBox } from '../../../src/lib/components';
import { convexHull } from '../../../src/mask/hull';
import { zoneScores } from '../../../src/mask/measure';
import { thickness } from '../../../src/mask/thickness';
import { close, dilate, erode, fillHoles } from '../../../src/mask/morphology';

const anyVolume = fc
  .record({
    rows: fc.integer({ min: 1, max: 7 }),
    columns: fc.integer({ min: 1, max: 7 }),
    steps: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 5 }),
    spacingMm: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    radiusMm: fc.integer({ min: 1, max: 8 }),
  })
  .chain((grid) =>
    fc.record({
      grid: fc.constant({
        ...grid,
        distancesMm: grid.steps.map((_, k) => grid.steps.slice(0, k).reduce((a, b) => a + b, 0)),
      }),
      volume: fc.array(
        fc
          .array(fc.integer({ min: 0, max: 1 }), {
            minLength: grid.rows * grid.columns,
            maxLength: grid.rows * grid.columns,
          })
          .map((v) => Uint8Array.from(v)),
        { minLength: grid.steps.length, maxLength: grid.steps.length },
      ),
    }),
  );

test('dilation and erosion are those of a ball in millimetres, compared voxel by voxel', async () => {
  await fc.assert(
    fc.asyncProperty(anyVolume, async ({ grid, volume }) => {
      const { rows, columns, spacingMm, distancesMm, radiusMm } = grid;
      const nearAny = (k: number, i: number, member: number) =>
        volume.some((slice, j) =>
          slice.some(
            (value, at) =>
              value === member &&
              ((Math.floor(at / columns) - Math.floor(i / columns)) * spacingMm[0]) ** 2 +
                (((at % columns) - (i % columns)) * spacingMm[1]) ** 2 +
                (distancesMm[j]! - distancesMm[k]!) ** 2 <=
                radiusMm ** 2,
          ),
        );
      const all = (test: (k: number, i: number) => boolean) =>
        volume.map((_, k) => Uint8Array.from({ length: rows * columns }, (__, i) => (test(k, i) ? 1 : 0)));
      expect(await dilate(volume, grid, radiusMm)).toEqual(all((k, i) => nearAny(k, i, 1)));
      expect(await erode(volume, grid, radiusMm)).toEqual(
        all((k, i) => volume[k]![i] === 1 && !nearAny(k, i, 0)),
      );
    }),
    { numRuns: 60 },
  );
});

test('closing never loses a voxel, and fills a gap narrower than the ball', async () => {
  const row = Uint8Array.from([0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0]);
  const grid = { rows: 1, columns: 12, spacingMm: [1, 1] as const, distancesMm: [0] };
  expect([...(await close([row], grid, 2))[0]!]).toEqual([0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0]);
});

test('holes are filled, bays are not', () => {
  const slice = Uint8Array.from([1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1]);
  fillHoles([slice], { rows: 4, columns: 3, spacingMm: [1, 1], distancesMm: [0] });
  expect([...slice]).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1]);
});

const isTwo = Uint8Array.from({ length: 256 }, (_, value) => (value === 2 ? 1 : 0));

test('thickness of a band is its width in pixels, and 0 outside of it', () => {
  for (const width of [1, 3, 5]) {
    const slice = Uint8Array.from({ length: 20 * 9 }, (_, i) => (Math.floor(i / 20) < width ? 2 : 0));
    const thick = thickness(slice, 20, isTwo, { top: 0, bottom: 9, left: 0, right: 20 });
    expect(Math.max(...thick)).toBeCloseTo(width, 5);
    expect(Math.max(...thick.slice(20 * width))).toBe(0);
  }
});

test('thickness does not depend on the box, as long as it holds every set pixel', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(0, 1, 2, 2), { minLength: 88, maxLength: 88 }), (values) => {
      const slice = Uint8Array.from(values);
      const box = boundingBox([slice.map((value) => (value === 2 ? 1 : 0))], 11);
      if (box === null) return;
      const all = thickness(slice, 11, isTwo, { top: 0, bottom: 8, left: 0, right: 11 });
      const inBox = [...all].filter((_, i) => {
        const [row, column] = [Math.floor(i / 11), i % 11];
        return row >= box.top && row < box.bottom && column >= box.left && column < box.right;
      });
      expect([...thickness(slice, 11, isTwo, box)]).toEqual(inBox);
    }),
  );
});

test('a convex hull holds every pixel, every midpoint of two of its pixels, and no more than their bounding box', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.array(fc.integer({ min: 0, max: 143 }), { minLength: 1, maxLength: 8 }),
      (columns, set) => {
        const slice = new Uint8Array(columns * 12);
        for (const i of set) slice[i % slice.length] = 5;
        const hull = convexHull(slice, columns, 5);
        const pixels = [...slice.keys()].filter((i) => slice[i] === 5);
        const at = (i: number) => [Math.floor(i / columns), i % columns] as const;
        for (const i of pixels)
          for (const j of pixels) {
            const [row, column] = [(at(i)[0] + at(j)[0]) / 2, (at(i)[1] + at(j)[1]) / 2];
            if (Number.isInteger(row) && Number.isInteger(column))
              expect(hull[row * columns + column]).toBe(1);
          }
        const inside = [...hull.keys()].filter((i) => hull[i] === 1).map(at);
        const bounds = pixels.map(at);
        for (const axis of [0, 1] as const) {
          expect(Math.min(...inside.map((p) => p[axis]))).toBe(Math.min(...bounds.map((p) => p[axis])));
          expect(Math.max(...inside.map((p) => p[axis]))).toBe(Math.max(...bounds.map((p) => p[axis])));
        }
      },
    ),
  );
});

describe('severity score', () => {
  const lungOf = (...affected: number[]) => affected.map((affectedMm3) => ({ lungMm3: 100, affectedMm3 }));
  const none = { lungMm3: 0, affectedMm3: 0 };
  const distances = [0, 10, 20, 30, 40, 50, 60, 70];

  test.each([
    [0.9, 0],
    [1, 1],
    [24.9, 1],
    [25, 2],
    [50, 3],
    [74.9, 3],
    [75, 4],
    [100, 4],
  ])('a zone with %d %% affected scores %d', (part, score) => {
    expect(zoneScores(lungOf(part, part, part), distances, true)).toEqual([score, score, score]);
  });

  test("thirds are cut by height between the lung's own ends and go from apex to base", () => {
    const slices = [none, ...lungOf(80, 80, 30, 30, 0, 0), none];
    expect(zoneScores(slices, distances, true)).toEqual([0, 2, 4]);
    expect(zoneScores(slices, distances, false)).toEqual([4, 2, 0]);
  });
});

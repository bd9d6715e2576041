import fc from 'fast-check';
import { boundingBox, boxes, connectedRuns, largest, paint } from '../../../src/lib/components';

/** Component of every pixel by flood fill: the definition, slow. */
function floodFill(slices: Uint8Array[], columns: number, members: number[]): number[][] {
  const rows = slices[0]!.length / columns;
  const labels = slices.map((slice) => Array.from(slice, () => -1));
  let count = 0;
  const visit = (k: number, row: number, column: number) => {
    if (k < 0 || k >= slices.length || row < 0 || row >= rows || column < 0 || column >= columns) return;
    const i = row * columns + column;
    if (!members.includes(slices[k]![i]!) || labels[k]![i]! >= 0) return;
    labels[k]![i] = count;
    for (const step of [-1, 1]) {
      visit(k + step, row, column);
      visit(k, row + step, column);
      visit(k, row, column + step);
    }
  };
  for (const [k, slice] of slices.entries())
    for (let i = 0; i < slice.length; i++) {
      if (!members.includes(slice[i]!) || labels[k]![i]! >= 0) continue;
      visit(k, Math.floor(i / columns), i % columns);
      count++;
    }
  return labels;
}

const anyStack = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }))
  .chain(([depth, rows, columns]) =>
    fc.record({
      columns: fc.constant(columns),
      slices: fc.array(
        fc
          .array(fc.nat(2), { minLength: rows * columns, maxLength: rows * columns })
          .map((values) => Uint8Array.from(values)),
        { minLength: depth, maxLength: depth },
      ),
    }),
  );

test('components are those of a flood fill, numbered in raster order', () => {
  fc.assert(
    fc.property(anyStack, ({ slices, columns }) => {
      const runs = connectedRuns(slices, columns, [1, 2]);
      const ours = slices.map((slice) => Array.from(slice, () => -1));
      const rows = slices[0]!.length / columns;
      runs.line.forEach((line, run) => {
        const k = Math.floor(line / rows);
        for (let c = runs.start[run]!; c < runs.end[run]!; c++)
          ours[k]![(line % rows) * columns + c] = runs.component[run]!;
      });
      const truth = floodFill(slices, columns, [1, 2]);
      expect(ours).toEqual(truth);
      const all = truth.flat();
      expect([...runs.sizes]).toEqual(
        [...runs.sizes.keys()].map((c) => all.filter((label) => label === c).length),
      );
    }),
    { numRuns: 300 },
  );
});

test('painting changes the wanted components and nothing else', () => {
  const slice = Uint8Array.from([1, 1, 0, 1, 0, 0, 0, 1]);
  const runs = connectedRuns([slice], 4, [1]);
  paint([slice], 4, runs, 9, (component) => component === 1);
  expect([...slice]).toEqual([1, 1, 0, 9, 0, 0, 0, 9]);
  expect(boxes(runs)).toEqual([
    { top: 0, bottom: 1, left: 0, right: 2 },
    { top: 0, bottom: 2, left: 3, right: 4 },
  ]);
});

test('the bounding box holds every pixel that is not 0 and touches one on each side', () => {
  fc.assert(
    fc.property(anyStack, ({ slices, columns }) => {
      const set = slices.flatMap((slice) => [...slice.keys()].filter((i) => slice[i] !== 0));
      const rows = set.map((i) => Math.floor(i / columns));
      const across = set.map((i) => i % columns);
      expect(boundingBox(slices, columns)).toEqual(
        set.length === 0
          ? null
          : {
              top: Math.min(...rows),
              bottom: Math.max(...rows) + 1,
              left: Math.min(...across),
              right: Math.max(...across) + 1,
            },
      );
    }),
  );
});

test('of two largest components the first in raster order counts; an empty image has none', () => {
  expect(largest(connectedRuns([Uint8Array.from([0, 1, 0, 1, 1, 0, 1, 1])], 8, [1]))).toBe(1);
  expect(largest(connectedRuns([new Uint8Array(8)], 8, [1]))).toBe(-1);
});

import fc from 'fast-check';
import { toSourceGrid, toTensor } from '../../../src/tensor/resample';
import { PADDING_HU } from '../../../src/volume/types';
import { PREPROCESSING } from './golden';

const anyBox = fc
  .record({
    rows: fc.integer({ min: 2, max: 60 }),
    columns: fc.integer({ min: 2, max: 60 }),
    top: fc.nat(1000),
    left: fc.nat(1000),
    height: fc.nat(1000),
    width: fc.nat(1000),
  })
  .map(({ rows, columns, ...draw }) => {
    const top = draw.top % rows;
    const left = draw.left % columns;
    return {
      rows,
      columns,
      box: {
        top,
        left,
        bottom: top + 1 + (draw.height % (rows - top)),
        right: left + 1 + (draw.width % (columns - left)),
      },
    };
  });

test('a slice whose HU name its pixel comes back on that very pixel when the model grid is finer', () => {
  fc.assert(
    fc.property(anyBox, ({ rows, columns, box }) => {
      const size = 123;
      const truth = Uint8Array.from({ length: rows * columns }, (_, i) => i % 4);
      const rowOf = (i: number, length: number, from: number) =>
        from + Math.min(length - 1, Math.floor(((i + 0.5) * length) / size));
      const classes = Uint8Array.from({ length: size * size }, (_, i) => {
        const row = rowOf(Math.floor(i / size), box.bottom - box.top, box.top);
        const column = rowOf(i % size, box.right - box.left, box.left);
        return truth[row * columns + column]!;
      });
      const back = toSourceGrid(classes, box, rows, columns, { size });
      back.forEach((value, i) => {
        const row = Math.floor(i / columns);
        const column = i % columns;
        const inside = row >= box.top && row < box.bottom && column >= box.left && column < box.right;
        expect(value).toBe(inside ? truth[i] : 0);
      });
    }),
    { numRuns: 50 },
  );
});

test('the tensor lies in [0, 1] for any HU, and padding is 0 like air below the window', () => {
  fc.assert(
    fc.property(anyBox, fc.array(fc.integer({ min: -5000, max: 5000 }), { minLength: 1 }), (grid, values) => {
      const hu = Float32Array.from(
        { length: grid.rows * grid.columns },
        (_, i) => values[i % values.length]!,
      );
      const tensor = toTensor(hu, grid.columns, grid.box, { ...PREPROCESSING, size: 17 });
      expect(tensor.every((value) => value >= 0 && value <= 1)).toBe(true);
    }),
  );
  const padded = new Float32Array(100).fill(PADDING_HU);
  const box = { top: 0, bottom: 10, left: 0, right: 10 };
  expect(toTensor(padded, 10, box, { ...PREPROCESSING, size: 5 })).toEqual(new Float32Array(25));
});

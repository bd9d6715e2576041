import fc from 'fast-check';
import { outlineOfLargest } from '../../../src/result/contour';

/** '#' is class 1. */
const labelsOf = (...rows: string[]): Uint8Array => Uint8Array.from(rows.join(''), (c) => Number(c === '#'));

test('one pixel is outlined by its four corners', () => {
  expect(outlineOfLargest(labelsOf('...', '.#.', '...'), 3, 1)).toEqual([1, 1, 2, 1, 2, 2, 1, 2, 1, 1]);
});

test('the larger of two regions is taken, and pixels that touch by a corner are two', () => {
  expect(outlineOfLargest(labelsOf('#...', '.##.'), 4, 1)).toEqual([1, 1, 3, 1, 3, 2, 1, 2, 1, 1]);
});

test('an absent class has no outline', () => {
  expect(outlineOfLargest(labelsOf('....'), 4, 1)).toBeNull();
});

test('an outline encloses its region and nothing but it and its holes', () => {
  const grid = fc.integer({ min: 1, max: 7 }).chain((columns) =>
    fc
      .array(fc.array(fc.boolean(), { minLength: columns, maxLength: columns }), {
        minLength: 1,
        maxLength: 7,
      })
      .map((rows) => ({ columns, labels: Uint8Array.from(rows.flat(), Number) })),
  );
  fc.assert(
    fc.property(grid, ({ columns, labels }) => {
      const outline = outlineOfLargest(labels, columns, 1);
      if (outline === null) return !labels.includes(1);
      // Every corner turns, every step is straight, and the walk ends where it began.
      expect(outline.slice(0, 2)).toEqual(outline.slice(-2));
      for (let i = 0; i + 3 < outline.length; i += 2)
        expect(Number(outline[i] !== outline[i + 2]) + Number(outline[i + 1] !== outline[i + 3])).toBe(1);
      const enclosed = insideOf(outline, columns, labels.length / columns);
      // The boundary itself is region on the inner side, and not on the outer side.
      const edge = enclosed.filter(
        (at) => !neighboursOf(at, columns, labels.length).every((n) => enclosed.includes(n)),
      );
      return edge.every((at) => labels[at] === 1);
    }),
  );
});

/** Pixels whose centre is inside the polygon, by the even-odd rule. */
function insideOf(outline: number[], columns: number, rows: number): number[] {
  const inside: number[] = [];
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      let crossings = 0;
      for (let i = 0; i + 3 < outline.length; i += 2) {
        const [x, y0, , y1] = outline.slice(i, i + 4) as [number, number, number, number];
        if (y0 > row + 0.5 !== y1 > row + 0.5 && x > column + 0.5) crossings++;
      }
      if (crossings % 2 === 1) inside.push(row * columns + column);
    }
  return inside;
}

/** -1 for beyond the image: never enclosed. */
function neighboursOf(at: number, columns: number, length: number): number[] {
  const column = at % columns;
  return [
    at - columns,
    at + columns < length ? at + columns : -1,
    column > 0 ? at - 1 : -1,
    column < columns - 1 ? at + 1 : -1,
  ];
}

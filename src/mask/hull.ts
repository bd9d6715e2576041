/** Marks the convex hull of the pixels equal to `member` in one slice. Returns 1 inside, [rows * columns]. */
export function convexHull(slice: Uint8Array, columns: number, member: number): Uint8Array {
  const rows = slice.length / columns;
  const hull = new Uint8Array(slice.length);
  // The ends of each row are enough: all other pixels lie between them.
  const ends: [column: number, row: number][] = [];
  for (let row = 0; row < rows; row++) {
    const line = slice.subarray(row * columns, (row + 1) * columns);
    const first = line.indexOf(member);
    if (first >= 0) ends.push([first, row], [line.lastIndexOf(member), row]);
  }
  if (ends.length === 0) return hull;
  const leftOf = chain(
    ends.filter((_, i) => i % 2 === 0),
    1,
  );
  const rightOf = chain(
    ends.filter((_, i) => i % 2 === 1),
    -1,
  );
  for (let row = ends[0]![1]; row <= ends.at(-1)![1]; row++) {
    const left = Math.ceil(columnAt(leftOf, row) - 1e-9);
    const right = Math.floor(columnAt(rightOf, row) + 1e-9);
    hull.fill(1, row * columns + left, row * columns + right + 1);
  }
  return hull;
}

type Point = [column: number, row: number];

/** One side of the hull of points in row order. turn 1: the left side, -1: the right side. */
function chain(points: readonly Point[], turn: 1 | -1): Point[] {
  const kept: Point[] = [];
  for (const point of points) {
    while (kept.length >= 2) {
      const [ax, ay] = kept.at(-2)!;
      const [bx, by] = kept.at(-1)!;
      const cross = (bx - ax) * (point[1] - ay) - (by - ay) * (point[0] - ax);
      if (turn * cross < 0) break;
      kept.pop();
    }
    kept.push(point);
  }
  return kept;
}

function columnAt(side: readonly Point[], row: number): number {
  const after = side.findIndex(([, r]) => r >= row);
  const [bx, by] = side[after]!;
  if (by === row || after === 0) return bx;
  const [ax, ay] = side[after - 1]!;
  return ax + ((bx - ax) * (row - ay)) / (by - ay);
}

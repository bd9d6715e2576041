/** A region that is convex along each row: half-open columns [start[row], end[row]); empty where start >= end. */
export interface Spans {
  start: Int32Array;
  end: Int32Array;
}

export const emptySpans = (rows: number): Spans => ({
  start: new Int32Array(rows).fill(0x7fffffff),
  end: new Int32Array(rows).fill(-1),
});

export const inSpans = ({ start, end }: Spans, row: number, column: number): boolean =>
  column >= start[row]! && column < end[row]!;

/** Widens `spans` so that it takes in the pixel. */
export function takeIn(spans: Spans, row: number, column: number): void {
  if (column < spans.start[row]!) spans.start[row] = column;
  if (column >= spans.end[row]!) spans.end[row] = column + 1;
}

/** Widens `spans` so that it takes in `other`. */
export function join(spans: Spans, other: Spans): void {
  for (let row = 0; row < spans.start.length; row += 1) {
    spans.start[row] = Math.min(spans.start[row]!, other.start[row]!);
    spans.end[row] = Math.max(spans.end[row]!, other.end[row]!);
  }
}

/** Convex hull of what the spans hold, as spans again: the monotone chain of each flank, linear between its corners. */
export function convexHull(spans: Spans): Spans {
  const rows = spans.start.length;
  const hull = emptySpans(rows);
  flank(spans.start, hull.start, spans, 1);
  flank(spans.end, hull.end, spans, -1);
  return hull;
}

/** turn: 1 for the left flank, whose hull keeps to low columns; -1 for the right one. */
function flank(edge: Int32Array, hull: Int32Array, { start, end }: Spans, turn: 1 | -1): void {
  const corners: [row: number, column: number][] = [];
  for (let row = 0; row < edge.length; row += 1) {
    if (start[row]! >= end[row]!) continue;
    const column = edge[row]!;
    while (corners.length > 1) {
      const [r0, c0] = corners[corners.length - 2]!;
      const [r1, c1] = corners[corners.length - 1]!;
      // Column of the straight line from the corner before to the new point, at the row of the corner between.
      const straight = c0 + ((column - c0) * (r1 - r0)) / (row - r0);
      if ((c1 - straight) * turn < 0) break;
      corners.pop();
    }
    corners.push([row, column]);
  }
  for (const [i, [r0, c0]] of corners.entries()) {
    const [r1, c1] = corners[i + 1] ?? [r0, c0];
    for (let row = r0; row <= r1; row += 1) {
      const column = r1 === r0 ? c0 : c0 + ((c1 - c0) * (row - r0)) / (r1 - r0);
      hull[row] = turn === 1 ? Math.floor(column) : Math.ceil(column);
    }
  }
}

import { connectedRuns, largest, paint } from '../lib/components';

/**
 * Outline of the largest 4-connected region of one class, as corners between pixels: [column, row, ...], closed (first
 * corner repeated), (0, 0) the outer corner of the first pixel, clockwise, straight runs merged. Holes are not drawn.
 * labels: [rows * columns]. Null where the class is absent.
 */
export function outlineOfLargest(labels: Uint8Array, columns: number, classIndex: number): number[] | null {
  const runs = connectedRuns([labels], columns, [classIndex]);
  const component = largest(runs);
  if (component < 0) return null;
  const member = new Uint8Array(labels.length);
  paint([member], columns, runs, 1, (each) => each === component);
  return outerBoundary(member, columns);
}

/** East, south, west, north as [column, row] steps: turning right adds one. */
const STEPS = [
  [1, 0],
  [0, 1],
  [-1, 0],
  [0, -1],
] as const;

/** Walks the edges between pixels with the region on the right hand. */
function outerBoundary(member: Uint8Array, columns: number): number[] {
  const rows = member.length / columns;
  // Its upper left corner is passed once, coming from the south and turning east.
  const first = member.indexOf(1);
  const inside = (column: number, row: number) =>
    column >= 0 && row >= 0 && column < columns && row < rows && member[row * columns + column] === 1;
  const start = [first % columns, Math.floor(first / columns)] as const;
  const points: number[] = [...start];
  let [column, row]: readonly [number, number] = start;
  let direction = 0;
  do {
    column += STEPS[direction]![0];
    row += STEPS[direction]![1];
    const next = turn(direction, column, row, inside);
    if (next !== direction) points.push(column, row);
    direction = next;
  } while (column !== start[0] || row !== start[1]);
  return points;
}

/** Next direction at a corner: the pixels ahead on the left and on the right decide. */
function turn(
  direction: number,
  column: number,
  row: number,
  inside: (column: number, row: number) => boolean,
): number {
  // The pixel to the right hand of each direction, seen from the corner, and the one to the left hand.
  const ahead = [
    [column, row],
    [column - 1, row],
    [column - 1, row - 1],
    [column, row - 1],
  ] as const;
  const right = inside(...ahead[direction]!);
  const left = inside(...ahead[(direction + 3) % 4]!);
  if (!right) return (direction + 1) % 4;
  return left ? (direction + 3) % 4 : direction;
}

import type { PixelBox } from '../lib/components';

/** Of a chamfer step to the side; one across the corner is CORNER. Their ratio is within 6 % of the true distance. */
const SIDE = 3;
const CORNER = 4;

/**
 * How thick the set pixels of one slice are at each pixel, in pixels: about twice the distance to the nearest unset
 * one. slice: a pixel is set where isSet of its value is 1; all set ones lie in the box, and beyond the slice is none.
 * Returns [height * width] of the box.
 */
export function thickness(
  slice: Uint8Array,
  columns: number,
  isSet: Uint8Array,
  box: PixelBox,
): Float32Array {
  const height = box.bottom - box.top;
  // A rim of unset pixels saves the tests at the edges.
  const width = box.right - box.left + 2;
  const away = new Uint16Array((height + 2) * width);
  for (let row = 0; row < height; row++) {
    const from = (box.top + row) * columns + box.left;
    const to = (row + 1) * width + 1;
    for (let column = 0; column < width - 2; column++)
      if (isSet[slice[from + column]!] === 1) away[to + column] = 0xfff0;
  }
  const relax = (at: number, beside: number, corner1: number, above: number, corner2: number) => {
    const here = away[at]!;
    if (here === 0) return;
    away[at] = Math.min(
      here,
      away[beside]! + SIDE,
      away[above]! + SIDE,
      away[corner1]! + CORNER,
      away[corner2]! + CORNER,
    );
  };
  for (let at = width; at < away.length - width; at++)
    relax(at, at - 1, at - width - 1, at - width, at - width + 1);
  for (let at = away.length - width - 1; at >= width; at--)
    relax(at, at + 1, at + width + 1, at + width, at + width - 1);
  const thick = new Float32Array(height * (width - 2));
  for (let row = 0, i = 0; row < height; row++)
    for (let column = 0; column < width - 2; column++, i++) {
      const distance = away[(row + 1) * width + column + 1]!;
      if (distance > 0) thick[i] = (2 * distance) / SIDE - 1;
    }
  return thick;
}

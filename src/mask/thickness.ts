/** Of a chamfer step to the side; one across the corner is CORNER. Their ratio is within 6 % of the true distance. */
const SIDE = 3;
const CORNER = 4;

/**
 * How thick the set pixels of one slice are at each pixel, in pixels: about twice the distance to the nearest unset
 * one. slice: a pixel is set where isSet of its value is 1; beyond the slice nothing is. Returns [rows * columns].
 */
export function thickness(slice: Uint8Array, columns: number, isSet: Uint8Array): Float32Array {
  const rows = slice.length / columns;
  // A rim of unset pixels saves the tests at the edges.
  const width = columns + 2;
  const away = new Uint16Array((rows + 2) * width);
  for (let row = 0, i = 0; row < rows; row++)
    for (let column = 0; column < columns; column++, i++)
      if (isSet[slice[i]!] === 1) away[(row + 1) * width + column + 1] = 0xfff0;
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
  const thick = new Float32Array(slice.length);
  for (let row = 0, i = 0; row < rows; row++)
    for (let column = 0; column < columns; column++, i++) {
      const distance = away[(row + 1) * width + column + 1]!;
      if (distance > 0) thick[i] = (2 * distance) / SIDE - 1;
    }
  return thick;
}

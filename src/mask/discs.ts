/*
 * Binary morphology of one slice with a disc, by squared distance transforms (Felzenszwalb and Huttenlocher, 2012):
 * the cost does not depend on the radius. Images are [rows * columns], 1 inside; spacing [between rows, between columns], mm.
 */

type Spacing = readonly [rowMm: number, columnMm: number];

/** Every pixel within radiusMm of the set. */
export function dilate(image: Uint8Array, columns: number, spacing: Spacing, radiusMm: number): Uint8Array {
  const squared = squaredDistance(image, columns, spacing, 1);
  return Uint8Array.from(squared, (value) => (value <= radiusMm * radiusMm ? 1 : 0));
}

/** Dilation, then erosion: fills holes and bays narrower than twice the radius. The edge of the image counts as inside. */
export function close(image: Uint8Array, columns: number, spacing: Spacing, radiusMm: number): Uint8Array {
  const grown = dilate(image, columns, spacing, radiusMm);
  const squared = squaredDistance(grown, columns, spacing, 0);
  return Uint8Array.from(image, (value, i) => (value === 1 || squared[i]! > radiusMm * radiusMm ? 1 : 0));
}

/** Squared distance, mm2, to the nearest pixel with `value`; Infinity where there is none. */
function squaredDistance(
  image: Uint8Array,
  columns: number,
  [rowMm, columnMm]: Spacing,
  value: 0 | 1,
): Float64Array {
  const rows = image.length / columns;
  const squared = Float64Array.from(image, (pixel) => (pixel === value ? 0 : Infinity));
  const longest = Math.max(rows, columns);
  const line = new Float64Array(longest);
  const scratch = {
    apex: new Int32Array(longest),
    edge: new Float64Array(longest + 1),
    out: new Float64Array(longest),
  };
  for (let column = 0; column < columns; column += 1) {
    for (let row = 0; row < rows; row += 1) line[row] = squared[row * columns + column]!;
    lowerEnvelope(line, rows, rowMm, scratch);
    for (let row = 0; row < rows; row += 1) squared[row * columns + column] = scratch.out[row]!;
  }
  for (let row = 0; row < rows; row += 1) {
    line.set(squared.subarray(row * columns, (row + 1) * columns));
    lowerEnvelope(line, columns, columnMm, scratch);
    squared.set(scratch.out.subarray(0, columns), row * columns);
  }
  return squared;
}

/** out[i] = min over j of f[j] + (stepMm (i - j))^2. */
function lowerEnvelope(
  f: Float64Array,
  length: number,
  stepMm: number,
  { apex, edge, out }: { apex: Int32Array; edge: Float64Array; out: Float64Array },
): void {
  const w = stepMm * stepMm;
  let top = -1;
  for (let i = 0; i < length; i += 1) {
    if (f[i] === Infinity) continue;
    let from = -Infinity;
    while (top >= 0) {
      const j = apex[top]!;
      from = (f[i]! - f[j]! + w * (i * i - j * j)) / (2 * w * (i - j));
      if (from > edge[top]!) break;
      top -= 1;
    }
    top += 1;
    apex[top] = i;
    edge[top] = top === 0 ? -Infinity : from;
  }
  if (top < 0) {
    out.fill(Infinity, 0, length);
    return;
  }
  edge[top + 1] = Infinity;
  for (let i = 0, k = 0; i < length; i += 1) {
    while (edge[k + 1]! < i) k += 1;
    const j = apex[k]!;
    out[i] = f[j]! + w * (i - j) * (i - j);
  }
}

import type { PixelBox } from '../lib/components';
import type { Preprocessing } from './types';

/** Bilinear taps along one axis: for each output the two inputs and the weight of the second. */
interface Taps {
  first: Int32Array;
  second: Int32Array;
  weight: Float64Array;
}

/** Half-pixel centres, clamped to the edges, no antialiasing. */
function bilinearTaps(length: number, size: number): Taps {
  const first = new Int32Array(size);
  const second = new Int32Array(size);
  const weight = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const at = Math.min(Math.max((i + 0.5) * (length / size) - 0.5, 0), length - 1);
    first[i] = Math.floor(at);
    second[i] = Math.min(first[i]! + 1, length - 1);
    weight[i] = at - first[i]!;
  }
  return { first, second, weight };
}

/**
 * One slice as the model sees it: crop to the box, window to [0, 1], resize. Padding is far below the window: 0.
 *
 * hu: [rows * columns]. Returns [size * size]. Equal to to_tensor in onnx/training/preprocess.py within 1e-5.
 */
export function toTensor(
  hu: Float32Array,
  columns: number,
  box: PixelBox,
  { windowHu: [low, high], size }: Preprocessing,
): Float32Array {
  const across = bilinearTaps(box.right - box.left, size);
  const down = bilinearTaps(box.bottom - box.top, size);
  const windowed = (row: number, column: number) =>
    (Math.min(Math.max(hu[(box.top + row) * columns + box.left + column]!, low), high) - low) / (high - low);

  // Columns first, then rows; a source row serves several output rows, so the last two lines are kept.
  const lines = new Map<number, Float64Array>();
  const lineOf = (row: number): Float64Array => {
    const kept = lines.get(row);
    if (kept !== undefined) return kept;
    const line = new Float64Array(size);
    for (let i = 0; i < size; i++) {
      const a = windowed(row, across.first[i]!);
      const b = windowed(row, across.second[i]!);
      line[i] = a + (b - a) * across.weight[i]!;
    }
    lines.delete(row - 2);
    lines.set(row, line);
    return line;
  };

  const tensor = new Float32Array(size * size);
  for (let i = 0; i < size; i++) {
    const a = lineOf(down.first[i]!);
    const b = lineOf(down.second[i]!);
    for (let j = 0; j < size; j++) tensor[i * size + j] = a[j]! + (b[j]! - a[j]!) * down.weight[i]!;
  }
  return tensor;
}

/**
 * The model's class map back on the source slice, background outside the box; nearest pixel, in integers.
 *
 * classes: [size * size]. Returns [rows * columns]. Equal to mask_back in onnx/training/preprocess.py.
 */
export function toSourceGrid(
  classes: Uint8Array,
  box: PixelBox,
  rows: number,
  columns: number,
  { size }: Pick<Preprocessing, 'size'>,
): Uint8Array {
  const height = box.bottom - box.top;
  const width = box.right - box.left;
  const nearest = (i: number, length: number) => Math.floor(((2 * i + 1) * size) / (2 * length));
  const fromColumn = Int32Array.from({ length: width }, (_, j) => nearest(j, width));
  const mask = new Uint8Array(rows * columns);
  for (let i = 0; i < height; i++) {
    const from = nearest(i, height) * size;
    const to = (box.top + i) * columns + box.left;
    for (let j = 0; j < width; j++) mask[to + j] = classes[from + fromColumn[j]!]!;
  }
  return mask;
}

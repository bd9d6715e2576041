import type { Rgb } from '../../config/codes';
import type { PixelBox } from '../../lib/components';
import type { HuVolume } from '../../volume/types';
import { blank, blend, type RgbImage } from './image';

// One look-up each: these run for every pixel of a picture.
const { floor, max, min, round } = Math;

/** The lung window that radiologists read with, HU. */
const WINDOW = { low: -1350, high: 150 };
const BLACK: Rgb = [0, 0, 0];
/** How much of the class's colour lies over the lesion itself; its outline is full colour. */
const TINT = 0.14;

/** Which part of a slice is drawn, and how many pixels of the picture one millimetre takes. */
export interface View {
  crop: PixelBox;
  pixelsPerMm: number;
}

/** The view that shows `crop` as large as width x height pixels allow; pixels need not be square. */
export function fit(
  crop: PixelBox,
  spacingMm: readonly [number, number],
  width: number,
  height: number,
): View {
  const tallMm = (crop.bottom - crop.top) * spacingMm[0];
  const wideMm = (crop.right - crop.left) * spacingMm[1];
  return { crop, pixelsPerMm: min(width / wideMm, height / tallMm) };
}

/**
 * One slice on the lung window, in the middle of width x height pixels, with the outline of each class in its colour.
 * hu, labels: [rows * columns]; colours by class index - 1.
 */
export function slicePicture(
  hu: Float32Array,
  labels: Uint8Array,
  { rows, columns, spacingMm }: Pick<HuVolume, 'rows' | 'columns' | 'spacingMm'>,
  { crop, pixelsPerMm }: View,
  size: { width: number; height: number },
  colours: readonly Rgb[],
): RgbImage {
  const image = blank(size.width, size.height, BLACK);
  const label = new Uint8Array(size.width * size.height);
  // Pixel centres of the picture in pixels of the slice.
  const across = centres(size.width, (crop.left + crop.right) / 2, 1 / (pixelsPerMm * spacingMm[1]));
  const down = centres(size.height, (crop.top + crop.bottom) / 2, 1 / (pixelsPerMm * spacingMm[0]));
  for (const [row, y] of down.entries()) {
    if (y < -0.5 || y >= rows - 0.5) continue;
    for (const [column, x] of across.entries()) {
      if (x < -0.5 || x >= columns - 0.5) continue;
      const at = row * size.width + column;
      const value = grey(averaged(x, y));
      image.pixels[at * 3] = value;
      image.pixels[at * 3 + 1] = value;
      image.pixels[at * 3 + 2] = value;
      label[at] = labels[round(y) * columns + round(x)]!;
    }
  }
  outline(image, label, colours);
  return image;

  /** Over the pixel of the picture, which may be larger than one of the slice: else noise would be picked out of it. */
  function averaged(x: number, y: number): number {
    const aside = 0.25 / (pixelsPerMm * spacingMm[1]);
    const below = 0.25 / (pixelsPerMm * spacingMm[0]);
    let sum = 0;
    for (const dy of [-below, below])
      for (const dx of [-aside, aside]) sum += bilinear(hu, rows, columns, x + dx, y + dy);
    return sum / 4;
  }
}

function centres(count: number, middle: number, step: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => middle - 0.5 + (i + 0.5 - count / 2) * step);
}

function bilinear(hu: Float32Array, rows: number, columns: number, x: number, y: number): number {
  const left = min(max(floor(x), 0), columns - 1);
  const top = min(max(floor(y), 0), rows - 1);
  const right = min(left + 1, columns - 1);
  const bottom = min(top + 1, rows - 1);
  const fx = min(max(x - left, 0), 1);
  const fy = min(max(y - top, 0), 1);
  const upper = hu[top * columns + left]! * (1 - fx) + hu[top * columns + right]! * fx;
  const lower = hu[bottom * columns + left]! * (1 - fx) + hu[bottom * columns + right]! * fx;
  return upper * (1 - fy) + lower * fy;
}

const grey = (hu: number): number =>
  round(255 * min(max((hu - WINDOW.low) / (WINDOW.high - WINDOW.low), 0), 1));

/** A line two pixels wide along the inside of each region's edge. */
function outline({ columns, rows, pixels }: RgbImage, label: Uint8Array, colours: readonly Rgb[]): void {
  const image = { columns, rows, pixels };
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const own = label[row * columns + column]!;
      if (own === 0) continue;
      const edge = [-2, -1, 1, 2].some(
        (step) => labelAt(column + step, row) !== own || labelAt(column, row + step) !== own,
      );
      blend(image, column, row, colours[own - 1]!, edge ? 1 : TINT);
    }

  function labelAt(column: number, row: number): number {
    if (column < 0 || row < 0 || column >= columns || row >= rows) return 0;
    return label[row * columns + column]!;
  }
}

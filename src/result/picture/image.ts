import type { Rgb } from '../../config/codes';

/** A colour picture, row-major [rows * columns * 3], 0-255. */
export interface RgbImage {
  columns: number;
  rows: number;
  pixels: Uint8Array;
}

/** Half-open is the right and the lower edge; everything is clipped to the image. */
export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

export function blank(columns: number, rows: number, colour: Rgb): RgbImage {
  const image = { columns, rows, pixels: new Uint8Array(columns * rows * 3) };
  fill(image, { left: 0, top: 0, width: columns, height: rows }, colour);
  return image;
}

export function fill(image: RgbImage, { left, top, width, height }: Box, [r, g, b]: Rgb): void {
  const { columns, rows, pixels } = image;
  const right = Math.min(columns, left + width);
  for (let row = Math.max(0, top); row < Math.min(rows, top + height); row++)
    for (let column = Math.max(0, left); column < right; column++) {
      const at = (row * columns + column) * 3;
      pixels[at] = r;
      pixels[at + 1] = g;
      pixels[at + 2] = b;
    }
}

/** One pixel wide. */
export function frame(image: RgbImage, { left, top, width, height }: Box, colour: Rgb): void {
  fill(image, { left, top, width, height: 1 }, colour);
  fill(image, { left, top: top + height - 1, width, height: 1 }, colour);
  fill(image, { left, top, width: 1, height }, colour);
  fill(image, { left: left + width - 1, top, width: 1, height }, colour);
}

/** share: 0 leaves the pixel, 1 replaces it. */
export function blend(image: RgbImage, column: number, row: number, colour: Rgb, share: number): void {
  if (column < 0 || row < 0 || column >= image.columns || row >= image.rows) return;
  const at = (row * image.columns + column) * 3;
  for (let channel = 0; channel < 3; channel++) {
    const old = image.pixels[at + channel]!;
    // The half rounds, as storing truncates.
    image.pixels[at + channel] = old + (colour[channel]! - old) * share + 0.5;
  }
}

/** Copies `picture` into `image`, its upper left corner at left, top; it must fit. */
export function paste(image: RgbImage, picture: RgbImage, left: number, top: number): void {
  for (let row = 0; row < picture.rows; row++) {
    const from = row * picture.columns * 3;
    const line = picture.pixels.subarray(from, from + picture.columns * 3);
    image.pixels.set(line, ((top + row) * image.columns + left) * 3);
  }
}

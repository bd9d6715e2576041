import { PNG } from 'pngjs';
import type { RgbImage } from '../result/picture/image';

/** RGB, row-major, to an encoded PNG. */
export function pngOf({ columns, rows, pixels }: RgbImage): Buffer {
  const png = new PNG({
    width: columns,
    height: rows,
    colorType: 2,
    inputColorType: 2,
    inputHasAlpha: false,
  });
  png.data = Buffer.from(pixels);
  return PNG.sync.write(png, { colorType: 2, inputColorType: 2, inputHasAlpha: false });
}

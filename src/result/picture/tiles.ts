import type { Codes, Rgb } from '../../config/codes';
import { upright } from '../../lib/upright';
import type { LesionMask } from '../../mask/types';
import type { Slice } from '../../series/types';
import type { HuVolume } from '../../volume/types';
import { bodyBox } from './choose';
import { frame, paste, type RgbImage } from './image';
import { INK, RULE } from './palette';
import { fit, slicePicture } from './slice';
import { drawText, lineHeight } from './text';

/** Where tiles go on a page, pixels. */
export interface TileGrid {
  left: number;
  top: number;
  columns: number;
  tileWidth: number;
  tileHeight: number;
  gap: number;
}

export const coloursOf = (codes: Codes): Rgb[] => codes.classes.map(({ colour }) => colour);

/** Draws the slices, head first and upright however they are stored, as tiles of one scale, each with its name, position and sides. */
export function drawTiles(
  page: RgbImage,
  stored: HuVolume,
  mask: LesionMask,
  slices: readonly number[],
  colours: readonly Rgb[],
  grid: TileGrid,
): void {
  const size = { width: grid.tileWidth, height: grid.tileHeight };
  const { volume, toUpright } = upright(stored);
  const view = fit(bodyBox(volume, slices), volume.spacingMm, size.width, size.height);
  for (const [i, k] of headFirst(volume, slices).entries()) {
    const left = grid.left + (i % grid.columns) * (grid.tileWidth + grid.gap);
    const top = grid.top + Math.floor(i / grid.columns) * (grid.tileHeight + grid.gap);
    paste(page, slicePicture(volume.huSlice(k), toUpright(mask[k]!), volume, view, size, colours), left, top);
    frame(page, { left, top, ...size }, RULE);
    drawCaptions(page, volume.series.slices[k]!, left, top, size);
  }
}

/** `slices` ascend along the normal; it points to the head where its third component is positive (LPS). */
const headFirst = ({ series }: HuVolume, slices: readonly number[]): number[] =>
  series.normal[2] > 0 ? [...slices].reverse() : [...slices];

function drawCaptions(
  page: RgbImage,
  slice: Slice,
  left: number,
  top: number,
  { width, height }: { width: number; height: number },
): void {
  const z = slice.position?.values[2];
  drawText(page, 'small', imageName(slice), left + 6, top + 3, INK);
  if (z !== undefined)
    drawText(page, 'small', `z ${z.toFixed(1)} mm`, left + width - 6, top + 3, INK, 'right');
  const below = top + height - lineHeight('bold') - 3;
  drawText(page, 'bold', 'R', left + 6, below, INK);
  drawText(page, 'bold', 'L', left + width - 6, below, INK, 'right');
}

/** As a viewer counts it. */
function imageName({ frameNumber, instanceNumber }: Slice): string {
  if (frameNumber !== null) return `frame ${frameNumber}`;
  return instanceNumber === null ? '' : `image ${instanceNumber}`;
}

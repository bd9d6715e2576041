import type { Codes } from '../../config/codes';
import type { LesionMask } from '../../mask/types';
import type { HuVolume } from '../../volume/types';
import { slicesToShow } from './choose';
import { blank, fill, type RgbImage } from './image';
import { FAINT, INK, PAPER } from './palette';
import { drawText, shorten, textWidth } from './text';
import { coloursOf, drawTiles } from './tiles';

const MARGIN = 20;
const HEAD = 92;
const TILE = { tileWidth: 320, tileHeight: 270, gap: 8 };

/** What a contact sheet says above the pictures. */
export interface Heading {
  title: string;
  subtitle: string;
}

/** Slices with the most disease in `columns` x `rows` tiles, outlined in the colour of their class, under a legend. */
export function contactSheet(
  volume: HuVolume,
  mask: LesionMask,
  codes: Codes,
  { title, subtitle }: Heading,
  { columns, rows } = { columns: 4, rows: 3 },
): RgbImage {
  const slices = slicesToShow(mask, columns * rows);
  const used = Math.ceil(slices.length / columns);
  const width = 2 * MARGIN + columns * (TILE.tileWidth + TILE.gap) - TILE.gap;
  const page = blank(width, HEAD + used * (TILE.tileHeight + TILE.gap) + MARGIN - TILE.gap, PAPER);
  drawText(page, 'title', shorten('title', title, width - 2 * MARGIN), MARGIN, 14, INK);
  drawLegend(page, codes, shorten('body', subtitle, width / 2));
  drawTiles(page, volume, mask, slices, coloursOf(codes), { left: MARGIN, top: HEAD, columns, ...TILE });
  return page;
}

function drawLegend(page: RgbImage, codes: Codes, subtitle: string): void {
  drawText(page, 'body', subtitle, MARGIN, 56, FAINT);
  let right = page.columns - MARGIN;
  for (const { label, colour } of [...codes.classes].reverse()) {
    drawText(page, 'body', label, right, 56, INK, 'right');
    right -= textWidth('body', label) + 23;
    fill(page, { left: right, top: 60, width: 15, height: 15 }, colour);
    right -= 24;
  }
}

import { inflateSync } from 'node:zlib';
import type { Rgb } from '../../config/codes';
import { CHARACTERS, FACES } from './glyphs';
import { blend, type RgbImage } from './image';

export type Face = keyof typeof FACES;

interface Glyph {
  advance: number;
  left: number;
  top: number;
  width: number;
  height: number;
  /** [height * width], 0-255. */
  coverage: Uint8Array;
}

export const lineHeight = (face: Face): number => FACES[face].lineHeight;

export function textWidth(face: Face, text: string): number {
  return glyphsOf(face, text).reduce((sum, glyph) => sum + glyph.advance, 0);
}

/** Draws one line; `x` is its left or right end as `align` says, `top` the top of the line. */
export function drawText(
  image: RgbImage,
  face: Face,
  text: string,
  x: number,
  top: number,
  colour: Rgb,
  align: 'left' | 'right' = 'left',
): void {
  let pen = align === 'left' ? x : x - textWidth(face, text);
  for (const glyph of glyphsOf(face, text)) {
    for (let i = 0; i < glyph.coverage.length; i++) {
      const column = pen + glyph.left + (i % glyph.width);
      const row = top + glyph.top + Math.floor(i / glyph.width);
      if (glyph.coverage[i] !== 0) blend(image, column, row, colour, glyph.coverage[i]! / 255);
    }
    pen += glyph.advance;
  }
}

/** Words in lines of at most `width` pixels; of more than `lines` lines the last ends with `…`. */
export function wrap(face: Face, text: string, width: number, lines: number): string[] {
  const wrapped: string[] = [''];
  for (const word of text.split(/\s+/)) {
    const longer = `${wrapped.at(-1)} ${word}`.trim();
    if (wrapped.at(-1) === '' || textWidth(face, longer) <= width) wrapped[wrapped.length - 1] = longer;
    else wrapped.push(word);
  }
  const kept = wrapped.slice(0, lines).map((line) => shorten(face, line, width));
  if (wrapped.length > lines) kept[lines - 1] = shorten(face, `${kept[lines - 1]} …`, width);
  return kept;
}

/** Cut to `width` pixels, with `…` where something was cut. */
export function shorten(face: Face, text: string, width: number): string {
  if (textWidth(face, text) <= width) return text;
  let cut = text.replace(/ ?…$/, '');
  while (cut !== '' && textWidth(face, `${cut}…`) > width) cut = cut.slice(0, -1);
  return `${cut.trimEnd()}…`;
}

/** Letters without a picture lose their accent, or become `?`. */
function glyphsOf(face: Face, text: string): Glyph[] {
  const glyphs = glyphTable(face);
  const plain = text.normalize('NFD').replace(/\p{Mn}/gu, '');
  return Array.from(plain, (character) => glyphs.get(character) ?? glyphs.get('?')!);
}

const tables = new Map<Face, Map<string, Glyph>>();

/** The layout is told in glyphs.py. */
function glyphTable(face: Face): Map<string, Glyph> {
  const known = tables.get(face);
  if (known !== undefined) return known;
  const bytes = inflateSync(Buffer.from(FACES[face].deflated, 'base64'));
  const table = new Map<string, Glyph>();
  let at = 0;
  for (const character of CHARACTERS) {
    const [advance, left, top, width, height] = [0, 1, 2, 3, 4].map((i) => bytes.readInt8(at + i)) as [
      number,
      number,
      number,
      number,
      number,
    ];
    at += 5;
    const coverage = bytes.subarray(at, at + width * height);
    at += width * height;
    table.set(character, { advance, left, top, width, height, coverage });
  }
  tables.set(face, table);
  return table;
}

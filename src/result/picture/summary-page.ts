import type { DataSet } from '../../dicom/data-set';
import { algorithmName, MODEL_NAME } from '../common/equipment';
import { momentOf } from '../common/time';
import type { Analysis, Refusal, ResultContext } from '../types';
import { slicesToShow } from './choose';
import { blank, frame, type RgbImage } from './image';
import { CAUTION, FAINT, INK, PAPER } from './palette';
import { drawTable } from './table';
import { drawText, lineHeight, shorten, textWidth, wrap } from './text';
import { coloursOf, drawTiles } from './tiles';

const SIZE = 1024;
const MARGIN = 40;
const INNER = SIZE - 2 * MARGIN;
const TILES = { rows: 2, columns: 3, gap: 8 };
const FOOTER = 46;

/**
 * The result on one page of 1024 x 1024 pixels for viewers that show neither SEG nor SR. It names the series and the
 * day of the study, never the patient: viewers lay the name over it where they may.
 */
export function summaryPage(analysis: Analysis, context: ResultContext): RgbImage {
  const { series, source, volume, mask, measurements, warnings } = analysis;
  const page = blank(SIZE, SIZE, PAPER);
  const found = measurements.classes.some(({ voxels }) => voxels > 0);
  let y = drawHead(
    page,
    found ? 'Chest CT: lesions found' : 'Chest CT: no lesion found',
    source,
    series.slices.length,
  );
  y = drawTable(page, y, measurements, context.codes);
  const gate = measurements.lungGateReason;
  if (gate !== null) y = drawLines(page, `No percentages and no score: ${gate}`, y + 2, 2);
  const top = y + 8;
  const tileHeight = Math.floor((SIZE - FOOTER - top - (TILES.rows - 1) * TILES.gap) / TILES.rows);
  const tileWidth = Math.floor((INNER - (TILES.columns - 1) * TILES.gap) / TILES.columns);
  drawTiles(page, volume, mask, slicesToShow(mask, TILES.rows * TILES.columns), coloursOf(context.codes), {
    left: MARGIN,
    top,
    columns: TILES.columns,
    tileWidth,
    tileHeight,
    gap: TILES.gap,
  });
  drawFoot(page, warnings.map(({ sentence }) => sentence).join(' '), source, context);
  return page;
}

/** The same head and foot for a series that was not analysed, with the reason. */
export function refusalPage({ source, slices, code, sentence }: Refusal, context: ResultContext): RgbImage {
  const page = blank(SIZE, 340, PAPER);
  const y = drawHead(page, 'Chest CT: not analysed', source, slices.length);
  const below = drawLines(page, sentence, y + 10, 6, 'body');
  drawText(page, 'small', code, MARGIN, below + 8, FAINT);
  drawFoot(page, '', source, context);
  return page;
}

/** Title, what was analysed, and what it may not be used for. Returns where the body begins. */
function drawHead(page: RgbImage, title: string, source: DataSet, slices: number): number {
  drawText(page, 'title', title, MARGIN, 24, INK);
  const badge = 'AI, research use';
  const width = textWidth('bold', badge) + 24;
  const left = SIZE - MARGIN - width;
  frame(page, { left, top: 27, width, height: 32 }, CAUTION);
  drawText(page, 'bold', badge, left + 12, 31, CAUTION);
  const number = source.string('SeriesNumber');
  const about = [
    number && `series ${number}`,
    source.string('SeriesDescription'),
    `${slices} slices`,
    day(source.string('StudyDate')),
  ];
  drawText(page, 'body', shorten('body', about.filter(Boolean).join(' · '), INNER), MARGIN, 68, FAINT);
  drawText(page, 'body', 'Not reviewed by a physician. Not for sole diagnosis.', MARGIN, 94, CAUTION);
  return 130;
}

function drawFoot(
  page: RgbImage,
  warnings: string,
  source: DataSet,
  { producer, createdAt }: ResultContext,
): void {
  const maker = `${algorithmName(producer)} (sha256 ${producer.model.sha256.slice(0, 12)}) · ${MODEL_NAME} ${producer.serviceVersion}`;
  const made = momentOf(createdAt, source).text;
  drawText(page, 'small', shorten('small', warnings, INNER), MARGIN, page.rows - 42, CAUTION);
  drawText(page, 'small', shorten('small', maker, INNER - 160), MARGIN, page.rows - 23, FAINT);
  drawText(page, 'small', made, SIZE - MARGIN, page.rows - 23, FAINT, 'right');
}

/** Wrapped text over the whole width; returns its lower edge. */
function drawLines(
  page: RgbImage,
  text: string,
  top: number,
  lines: number,
  face: 'small' | 'body' = 'small',
): number {
  const height = lineHeight(face);
  const wrapped = wrap(face, text, INNER, lines);
  for (const [i, line] of wrapped.entries()) drawText(page, face, line, MARGIN, top + i * height, INK);
  return top + wrapped.length * height;
}

/** DA as `2024-05-01`; null where it is none. */
const day = (date: string | null): string | null =>
  date === null || !/^\d{8}$/.test(date)
    ? null
    : `study of ${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}`;

import type { Rgb } from '../../config/codes';
import type { DataSet } from '../../dicom/data-set';
import { algorithmName, MODEL_NAME } from '../common/equipment';
import { momentOf } from '../common/time';
import type { Analysis, Refusal, ResultContext } from '../types';
import { slicesToShow } from './choose';
import { blank, frame, type RgbImage } from './image';
import { CAUTION, FAINT, INK, PAPER } from './palette';
import { drawTable } from './table';
import { drawText, type Face, lineHeight, shorten, textWidth, wrap } from './text';
import { coloursOf, drawTiles } from './tiles';

const SIZE = 1024;
const MARGIN = 40;
const INNER = SIZE - 2 * MARGIN;
const TILES = { rows: 2, columns: 3, gap: 8 };
/** With one line of warnings. */
const FOOTER = 46;
/** Of one sentence: no sentence of ours is longer, but a damaged header may bring anything into one. */
const MOST_LINES = 40;
/** Lines of reason and warnings that leave the pictures large on a square page: more without the rows of the lungs. */
const LINES_ON_SQUARE = { withLungs: 3, withoutLungs: 8 };
/** Of a refusal's page with a short reason; and of what is on it beside the reason and the foot. */
const REFUSAL_ROWS = 340;
const REFUSAL_HEAD = 166;

/**
 * The result on one page for viewers that show neither SEG nor SR: 1024 x 1024 pixels, and more rows where there is
 * more to say: no warning is cut off. It names the series and the day of the study, never the patient: viewers lay the
 * name over it where they may.
 */
export function summaryPage(analysis: Analysis, context: ResultContext): RgbImage {
  const { series, source, volume, mask, measurements, warnings } = analysis;
  const gate = measurements.lungGateReason;
  const reason = gate === null ? [] : lines('small', `No percentages and no score: ${gate}`);
  const notes = [...context.remarks, ...warnings].flatMap(({ sentence }) => lines('small', sentence));
  const room = LINES_ON_SQUARE[measurements.lungs === null ? 'withoutLungs' : 'withLungs'];
  const more = Math.max(0, reason.length + notes.length - room);
  const page = blank(SIZE, SIZE + more * lineHeight('small'), PAPER);
  const found = measurements.classes.some(({ voxels }) => voxels > 0);
  let y = drawHead(
    page,
    found ? 'Chest CT: lesions found' : 'Chest CT: no lesion found',
    source,
    series.slices.length,
  );
  y = drawTable(page, y, measurements, context.codes);
  if (reason.length > 0) y = drawLines(page, 'small', reason, y + 2, INK);
  const top = y + 8;
  const tileHeight = Math.floor(
    (page.rows - footHeight(notes) - top - (TILES.rows - 1) * TILES.gap) / TILES.rows,
  );
  const tileWidth = Math.floor((INNER - (TILES.columns - 1) * TILES.gap) / TILES.columns);
  drawTiles(page, volume, mask, slicesToShow(mask, TILES.rows * TILES.columns), coloursOf(context.codes), {
    left: MARGIN,
    top,
    columns: TILES.columns,
    tileWidth,
    tileHeight,
    gap: TILES.gap,
  });
  drawFoot(page, notes, source, context);
  return page;
}

/** The same head and foot for a series that was not analysed, with the reason. */
export function refusalPage({ source, slices, code, sentence }: Refusal, context: ResultContext): RgbImage {
  const reason = lines('body', sentence);
  const notes = context.remarks.flatMap((remark) => lines('small', remark.sentence));
  const rows = REFUSAL_HEAD + reason.length * lineHeight('body') + footHeight(notes);
  const page = blank(SIZE, Math.max(REFUSAL_ROWS, rows), PAPER);
  const y = drawHead(page, 'Chest CT: not analysed', source, slices.length);
  const below = drawLines(page, 'body', reason, y + 10, INK);
  drawText(page, 'small', code, MARGIN, below + 8, FAINT);
  drawFoot(page, notes, source, context);
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

const footHeight = (notes: readonly string[]): number =>
  FOOTER + Math.max(0, notes.length - 1) * lineHeight('small');

/** Warnings, then who made it and when. */
function drawFoot(
  page: RgbImage,
  notes: readonly string[],
  source: DataSet,
  { producer, createdAt }: ResultContext,
): void {
  drawLines(page, 'small', notes, page.rows - footHeight(notes) + 4, CAUTION);
  const maker = `${algorithmName(producer)} (sha256 ${producer.model.sha256.slice(0, 12)}) · ${MODEL_NAME} ${producer.serviceVersion}`;
  const made = momentOf(createdAt, source).text;
  drawText(page, 'small', shorten('small', maker, INNER - 160), MARGIN, page.rows - 23, FAINT);
  drawText(page, 'small', made, SIZE - MARGIN, page.rows - 23, FAINT, 'right');
}

/** A sentence over the whole width. */
const lines = (face: Face, sentence: string): string[] => wrap(face, sentence, INNER, MOST_LINES);

/** Lines one under another; returns their lower edge. */
function drawLines(page: RgbImage, face: Face, text: readonly string[], top: number, colour: Rgb): number {
  const height = lineHeight(face);
  for (const [i, line] of text.entries()) drawText(page, face, line, MARGIN, top + i * height, colour);
  return top + text.length * height;
}

/** DA as `2024-05-01`; null where it is none. */
const day = (date: string | null): string | null =>
  date === null || !/^\d{8}$/.test(date)
    ? null
    : `study of ${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}`;

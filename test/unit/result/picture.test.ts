import type { Rgb } from '../../../src/config/codes';
import { bodyBox, slicesToShow } from '../../../src/result/picture/choose';
import { contactSheet } from '../../../src/result/picture/contact-sheet';
import { blank, type RgbImage } from '../../../src/result/picture/image';
import { CAUTION, INK } from '../../../src/result/picture/palette';
import { fit, slicePicture } from '../../../src/result/picture/slice';
import { refusalPage, summaryPage } from '../../../src/result/picture/summary-page';
import { drawText, type Face, lineHeight, shorten, textWidth, wrap } from '../../../src/result/picture/text';
import { codes, context, source } from '../../fixtures/result-source';

const ROWS = 40;
const COLUMNS = 48;
const colours = codes.classes.map(({ colour }) => colour);
const pixel = ({ columns, pixels }: RgbImage, column: number, row: number): number[] =>
  Array.from(pixels.subarray((row * columns + column) * 3, (row * columns + column) * 3 + 3));

describe('slices to show', () => {
  const sliceWith = (label: number, pixels: number) => new Uint8Array(100).fill(label, 0, pixels);

  test('have the one with most of each class, then the most diseased that are no neighbours', () => {
    const mask = Array.from({ length: 30 }, (_, k) => sliceWith(1, k === 20 ? 90 : k > 10 ? 50 : 0));
    mask[2] = sliceWith(2, 1);
    mask[4] = sliceWith(3, 1);
    const shown = slicesToShow(mask, 6);
    expect(shown).toEqual(expect.arrayContaining([2, 4, 20]));
    expect(shown).toHaveLength(6);
    expect(shown).toEqual([...shown].sort((a, b) => a - b));
    const chosenByArea = shown.filter((k) => k > 4);
    for (const [i, k] of chosenByArea.slice(1).entries()) expect(k - chosenByArea[i]!).toBeGreaterThan(2);
  });

  test('are neighbours when disease is nowhere else', () => {
    const mask = Array.from({ length: 30 }, (_, k) => sliceWith(1, k >= 10 && k < 13 ? 5 : 0));
    expect(slicesToShow(mask, 6)).toEqual([10, 11, 12]);
  });

  test('are spread evenly where nothing was found, and all of a short series', () => {
    const nothing = (length: number) => Array.from({ length }, () => new Uint8Array(4));
    expect(slicesToShow(nothing(12), 6)).toEqual([1, 3, 5, 7, 9, 11]);
    expect(slicesToShow(nothing(2), 6)).toEqual([0, 1]);
  });
});

describe('a slice picture', () => {
  const columns = 20;
  const rows = 10;
  const whole = { top: 0, bottom: rows, left: 0, right: columns };

  test('has air dark, soft tissue white and padding black, on the lung window', () => {
    const hu = new Float32Array(rows * columns).fill(-1350);
    hu.fill(150, 100);
    hu.fill(-32768, 0, 20);
    const volume = { rows, columns, spacingMm: [1, 1] as const };
    const labels = new Uint8Array(rows * columns);
    const view = { crop: whole, pixelsPerMm: 1 };
    const image = slicePicture(hu, labels, volume, view, { width: columns, height: rows }, colours);
    expect(pixel(image, 5, 8)).toEqual([255, 255, 255]);
    expect(pixel(image, 5, 3)).toEqual([0, 0, 0]);
    expect(pixel(image, 5, 0)).toEqual([0, 0, 0]);
  });

  test('outlines a lesion where it lies, in the colour of its class, and lets its inside be seen', () => {
    const hu = new Float32Array(rows * columns).fill(-1350);
    const labels = new Uint8Array(rows * columns);
    for (let row = 2; row < 9; row++) labels.fill(2, row * columns + 4, row * columns + 13);
    const volume = { rows, columns, spacingMm: [1, 1] as const };
    const view = { crop: whole, pixelsPerMm: 1 };
    const image = slicePicture(hu, labels, volume, view, { width: columns, height: rows }, colours);
    expect(pixel(image, 4, 2)).toEqual(colours[1]);
    expect(pixel(image, 12, 8)).toEqual(colours[1]);
    expect(pixel(image, 3, 2)).toEqual([0, 0, 0]);
    expect(pixel(image, 13, 8)).toEqual([0, 0, 0]);
    const inside = pixel(image, 8, 5);
    expect(inside[0]!).toBeGreaterThan(0);
    expect(inside[0]!).toBeLessThan(80);
  });

  test('draws a lesion over the very pixels that it covers when enlarged', () => {
    const labels = new Uint8Array(rows * columns);
    for (let row = 0; row < rows; row++) labels.fill(3, row * columns + 10, (row + 1) * columns);
    const hu = new Float32Array(rows * columns).fill(-1350);
    const volume = { rows, columns, spacingMm: [1, 1] as const };
    const view = fit(whole, [1, 1], 100, 50);
    const image = slicePicture(hu, labels, volume, view, { width: 100, height: 50 }, colours);
    expect(pixel(image, 49, 25)).toEqual([0, 0, 0]);
    expect(pixel(image, 50, 25)).toEqual(colours[2]);
  });

  test('keeps the proportions of oblong pixels', () => {
    // 10 rows of 2 mm, 20 columns of 1 mm: a square of 20 mm.
    const view = fit(whole, [2, 1], 100, 50);
    expect(view.pixelsPerMm).toBe(2.5);
    const labels = new Uint8Array(rows * columns).fill(1);
    const volume = { rows, columns, spacingMm: [2, 1] as const };
    const hu = new Float32Array(rows * columns);
    const image = slicePicture(hu, labels, volume, view, { width: 100, height: 50 }, colours);
    const coloured = Array.from({ length: 100 }, (_, column) => pixel(image, column, 25)[1]! > 0);
    expect(coloured.indexOf(true)).toBe(25);
    expect(coloured.lastIndexOf(true)).toBe(74);
  });
});

test('the box around the body holds it on every slice, and the whole slice where there is none', () => {
  const { volume } = source().analysis;
  const box = bodyBox(volume, [3, 4]);
  expect(box.top).toBeLessThanOrEqual(4);
  expect(box.bottom).toBeGreaterThanOrEqual(36);
  const empty = { ...volume, huSlice: () => new Float32Array(40 * 48).fill(-1000) };
  expect(bodyBox(empty, [3])).toEqual({ top: 0, bottom: 40, left: 0, right: 48 });
});

describe('text', () => {
  test('is cut and wrapped to the width', () => {
    const long = 'The distance between slices varies from 2.4 to 2.6 mm, and a tenth of them is missing.';
    expect(textWidth('small', shorten('small', long, 200))).toBeLessThanOrEqual(200);
    expect(shorten('small', long, 200)).toMatch(/^The distance.*…$/);
    const lines = wrap('body', long, 300, 2);
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(textWidth('body', line)).toBeLessThanOrEqual(300);
    expect(wrap('body', long, 5000, 2)).toEqual([long]);
  });

  test('in letters without a picture loses accents or shows question marks', () => {
    expect(textWidth('body', 'Ä 小')).toBe(textWidth('body', 'A ?'));
  });
});

describe('pages', () => {
  test('of findings and of a refusal are drawn whatever the numbers', () => {
    const { analysis } = source();
    const measurements = {
      ...analysis.measurements,
      lungs: null,
      lungGateReason: 'A long reason. '.repeat(40),
      classes: analysis.measurements.classes.map((each) => ({
        ...each,
        sideMl: null,
        meanHu: null,
        percentOfLung: null,
      })) as never,
    };
    for (const each of [analysis, { ...analysis, measurements }]) {
      const page = summaryPage(each, context());
      expect([page.columns, page.rows, page.pixels.length]).toEqual([1024, 1024, 1024 * 1024 * 3]);
      expect(colours.every((colour) => holds(page, colour))).toBe(true);
    }
    const { series, source: header } = analysis;
    const page = refusalPage(
      {
        summary: series.summary,
        source: header,
        slices: [],
        outcome: 'Failed',
        code: 'RAUNET_INTERNAL',
        sentence: 'Something happened. '.repeat(50),
      },
      context(),
    );
    expect(page.columns).toBe(1024);
  });

  test('have every warning and the whole reason for missing percentages, many and long as they may be', () => {
    const { analysis } = source();
    const warnings = Array.from({ length: 14 }, (_, i) => ({
      code: 'MIXED_GEOMETRY' as const,
      sentence: `The series mixes frames of reference, orientations, matrix sizes or pixel spacings (groups of ${100 + i} + 20 images); the axial group of ${100 + i} was analysed.`,
    }));
    const lungGateReason = 'The lung mask touches the chest wall. '.repeat(20).trim();
    const measurements = { ...analysis.measurements, lungs: null, lungGateReason };
    const page = summaryPage({ ...analysis, measurements, warnings }, context());
    for (const { sentence } of warnings) expect(saysWhole(page, 'small', sentence, CAUTION)).toBe(true);
    const reason = `No percentages and no score: ${lungGateReason}`;
    expect(saysWhole(page, 'small', reason, INK)).toBe(true);
    // The pictures are not squeezed for it.
    expect(page.rows).toBeGreaterThan(1024);
  });

  test('have what was odd at the receiving', () => {
    const { series, source: header } = source().analysis;
    const sentence = 'Images left out: 2 SOP Instance UIDs came with other bytes.';
    const made = { ...context(), remarks: [{ code: 'CONFLICTING_INSTANCE' as const, sentence }] };
    const [outcome, code] = ['Not Attempted', 'RAUNET_INCOMPLETE'] as const;
    const refusal = {
      summary: series.summary,
      source: header,
      slices: [],
      outcome,
      code,
      sentence: 'A reason.',
    };
    for (const page of [summaryPage(source().analysis, made), refusalPage(refusal, made)])
      expect(saysWhole(page, 'small', sentence, CAUTION)).toBe(true);
  });

  test('of a refusal have its whole reason', () => {
    const { series, source: header } = source().analysis;
    const sentence = Array.from({ length: 30 }, (_, i) => `Part ${i} of what happened, and what to do.`);
    const [outcome, code] = ['Failed', 'RAUNET_INTERNAL'] as const;
    const refusal = { summary: series.summary, source: header, slices: [], outcome, code };
    const page = refusalPage({ ...refusal, sentence: sentence.join(' ') }, context());
    expect(saysWhole(page, 'body', sentence.join(' '), INK)).toBe(true);
  });

  test('of the contact sheet have the tiles asked for', () => {
    const { volume, mask } = source().analysis;
    const heading = { title: 'Phantom', subtitle: 'found' };
    const wide = contactSheet(volume, mask, codes, heading, { columns: 4, rows: 1 });
    const tall = contactSheet(volume, mask, codes, heading, { columns: 2, rows: 2 });
    expect(wide.columns).toBeGreaterThan(tall.columns);
    expect(tall.rows).toBeGreaterThan(wide.rows);
  });

  test('of the contact sheet have the right of the patient on the left of a tile', () => {
    const { volume, mask } = source().analysis;
    const sheet = contactSheet(volume, mask, codes, { title: 'Phantom', subtitle: 'found' });
    const [left, top, width, height] = [20, 92, 320, 270]; // the first tile
    const shows = (letter: string, x: number, align: 'left' | 'right'): boolean => {
      const alone = blank(sheet.columns, sheet.rows, [0, 0, 0]);
      drawText(alone, 'bold', letter, x, top + height - lineHeight('bold') - 3, INK, align);
      const ink = [...alone.pixels.keys()].filter((i) => i % 3 === 0 && alone.pixels[i] === INK[0]);
      expect(ink.length).toBeGreaterThan(5);
      return ink.every((i) => sheet.pixels[i] === INK[0]);
    };
    const sides = [[left + 6, 'left'] as const, [left + width - 6, 'right'] as const];
    expect(sides.map(([x, align]) => ['R', 'L'].filter((letter) => shows(letter, x, align)))).toEqual([
      ['R'],
      ['L'],
    ]);
  });

  test.each([
    [
      'upside down',
      [-1, 0, 0, 0, -1, 0],
      (row: number, column: number) => [ROWS - 1 - row, COLUMNS - 1 - column],
    ],
    ['mirrored', [-1, 0, 0, 0, 1, 0], (row: number, column: number) => [row, COLUMNS - 1 - column]],
    ['transposed', [0, 1, 0, 1, 0, 0], (row: number, column: number) => [column, row]],
  ] as const)('show slices that are stored %s as if they were not', (_, values, uprightPixel) => {
    const { volume, mask } = source({ rows: ROWS, columns: COLUMNS }).analysis;
    const transposed = values[0] === 0;
    const across = transposed ? ROWS : COLUMNS;
    const from = Int32Array.from({ length: ROWS * COLUMNS }, (__, i) => {
      const [row, column] = uprightPixel(Math.floor(i / across), i % across);
      return row! * COLUMNS + column!;
    });
    const orientation = { values: [...values], strings: values.map(String) };
    const slices = volume.series.slices.map((slice) => ({ ...slice, orientation }));
    const stored = {
      ...volume,
      rows: transposed ? COLUMNS : ROWS,
      columns: across,
      series: { ...volume.series, slices },
      huSlice(k: number) {
        const hu = volume.huSlice(k);
        return Float32Array.from(from, (pixel) => hu[pixel]!);
      },
    };
    const storedMask = mask.map((slice) => Uint8Array.from(from, (pixel) => slice[pixel]!));
    const heading = { title: 'Phantom', subtitle: 'found' };
    const sheet = contactSheet(stored, storedMask, codes, heading);
    expect(Buffer.compare(sheet.pixels, contactSheet(volume, mask, codes, heading).pixels)).toBe(0);
  });
});

/** Whether the lines of a text stand at the left margin of a page, one under another. */
function saysWhole(page: RgbImage, face: Face, text: string, colour: Rgb): boolean {
  const lines = wrap(face, text, 944, 100);
  const height = lineHeight(face);
  const alone = blank(page.columns, lines.length * height, [0, 0, 0]);
  for (const [i, line] of lines.entries()) drawText(alone, face, line, 40, i * height, colour);
  const ink = [...alone.pixels.keys()].filter(
    (i) => i % 3 === 0 && colour.every((value, channel) => alone.pixels[i + channel] === value),
  );
  expect(ink.length).toBeGreaterThan(20);
  return Array.from({ length: page.rows - alone.rows }, (_, top) => top * page.columns * 3).some((from) =>
    ink.every((i) => colour.every((value, channel) => page.pixels[from + i + channel] === value)),
  );
}

function holds({ pixels }: RgbImage, [r, g, b]: readonly [number, number, number]): boolean {
  for (let i = 0; i < pixels.length; i += 3)
    if (pixels[i] === r && pixels[i + 1] === g && pixels[i + 2] === b) return true;
  return false;
}

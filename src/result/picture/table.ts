import type { Codes, Rgb } from '../../config/codes';
import { shown } from '../../lib/shown';
import type { ClassMeasurement, LungMeasurement, Measurements, Side } from '../../mask/types';
import { fill, type RgbImage } from './image';
import { FAINT, INK, RULE } from './palette';
import { drawText, type Face } from './text';

/** Right edges of the number columns, after the name of the row. */
const EDGES = [430, 550, 670, 810, 984];
const LEFT = 40;
const ROW = 29;

/** What a number is when it was not measured. */
const NOT_MEASURED = '–';

/** Volumes, percentages and attenuation of the classes, then of the lungs where they could be measured. Returns its lower edge. */
export function drawTable(
  page: RgbImage,
  top: number,
  { classes, lungs }: Measurements,
  codes: Codes,
): number {
  let y = top;
  const row = (face: Face, colour: Rgb, name: string, cells: readonly string[]) => {
    drawText(page, face, name, LEFT + 26, y, colour);
    for (const [i, cell] of cells.entries()) drawText(page, face, cell, EDGES[i]!, y, colour, 'right');
  };
  const rule = () => {
    fill(page, { left: LEFT, top: y + 1, width: page.columns - 2 * LEFT, height: 1 }, RULE);
    y += 8;
  };
  row('small', FAINT, '', ['volume, mL', 'right, mL', 'left, mL', '% of lung', 'mean HU']);
  y += 22;
  rule();
  for (const [i, { label, colour }] of codes.classes.entries()) {
    fill(page, { left: LEFT + 2, top: y + 4, width: 15, height: 15 }, colour);
    row(classes[i]!.voxels > 0 ? 'bold' : 'body', INK, label, classCells(classes[i]!));
    y += ROW;
  }
  if (lungs === null) return y;
  rule();
  const lungRow = (name: string, cell: (of: Side | 'total') => string) => {
    row('body', INK, name, (['total', 'right', 'left'] as const).map(cell));
    y += ROW;
  };
  const sums = {
    total: lungs.severityScore,
    right: sum(lungs.right.zoneScores),
    left: sum(lungs.left.zoneScores),
  };
  lungRow('Lungs', (of) => millilitres(lungs[of].volumeMl));
  lungRow('Affected (GGO or consolidation)', (of) => percent(lungs[of].affectedPercent));
  const thirds = `apex to base: right ${zones(lungs.right)}, left ${zones(lungs.left)}`;
  drawText(page, 'small', thirds, EDGES[4]!, y + 3, FAINT, 'right');
  lungRow('Severity, by geometric thirds', (of) => `${sums[of]} / ${of === 'total' ? 24 : 12}`);
  return y;
}

const classCells = ({ volumeMl, sideMl, percentOfLung, meanHu }: ClassMeasurement): string[] => [
  millilitres(volumeMl),
  sideMl === null ? NOT_MEASURED : millilitres(sideMl.right),
  sideMl === null ? NOT_MEASURED : millilitres(sideMl.left),
  percentOfLung === null ? NOT_MEASURED : percent(percentOfLung),
  meanHu === null ? NOT_MEASURED : meanHu.toFixed(0),
];

const zones = ({ zoneScores }: LungMeasurement): string => zoneScores.join('·');
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const percent = (value: number): string => `${shown(value, 1)} %`;
const millilitres = (ml: number): string => shown(ml, ml < 10 ? 1 : 0);

import type { Code } from '../../config/codes';
import type { PlainDataSet } from '../../dicom/write';
import type { ClassMeasurement, Side } from '../../mask/types';
import * as c from './codes';
import { code, contains, hasConceptMod, num } from './content-item';

export const SIDES: readonly Side[] = ['right', 'left'];
const SIDE_CODE = { right: c.RIGHT, left: c.LEFT, total: c.BILATERAL } as const;

/** Finding Site, on one side where one is named (PS3.16 TID 1411 row 7, TID 1419 row 5). */
export const findingSite = (region: Code, side?: Side | 'total'): PlainDataSet =>
  hasConceptMod(code(c.FINDING_SITE, region, side && [hasConceptMod(code(c.LATERALITY, SIDE_CODE[side]))]));

/** How a number came about (PS3.16 TID 1419 row 3). */
const method = (value: Code): PlainDataSet => hasConceptMod(code(c.MEASUREMENT_METHOD, value));

export const volume = (ml: number, ...modifiers: PlainDataSet[]): PlainDataSet =>
  contains(num(c.VOLUME, rounded(ml, 3), c.MILLILITRE, [method(c.SUM_OF_VOXELS), ...modifiers]));

export const percentage = (name: Code, percent: number): PlainDataSet =>
  contains(num(name, rounded(percent, 2), c.PERCENT, [method(c.RATIO_OF_VOLUMES)]));

export const score = (name: Code, value: number): PlainDataSet =>
  contains(num(name, value, c.SCORE, [method(c.BY_AFFECTED_SHARE)]));

/** The numbers of one class (PS3.16 TID 1419); what was not measured is left out. */
export function classNumbers(measured: ClassMeasurement, region: Code): PlainDataSet[] {
  const { volumeMl, sideMl, percentOfLung, meanHu } = measured;
  return [
    volume(volumeMl),
    ...(sideMl === null ? [] : SIDES.map((side) => volume(sideMl[side], findingSite(region, side)))),
    ...(percentOfLung === null ? [] : [percentage(c.PERCENT_OF_LUNG, percentOfLung)]),
    ...(meanHu === null ? [] : [meanAttenuation(meanHu)]),
  ];
}

const meanAttenuation = (hu: number): PlainDataSet =>
  contains(
    num(c.ATTENUATION, Number(hu.toFixed(1)), c.HOUNSFIELD_UNIT, [hasConceptMod(code(c.DERIVATION, c.MEAN))]),
  );

/** From 0 on, to one decimal or more; the smallest values keep three digits, so that something found is never 0. */
export const rounded = (value: number, decimals: number): number =>
  Number(value < 0.1 ? value.toPrecision(3) : value.toFixed(decimals));

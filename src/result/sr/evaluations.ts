import type { PlainDataSet } from '../../dicom/write';
import type { Analysis, Refusal, ResultContext } from '../types';
import * as c from './codes';
import { code, contains, container, text } from './content-item';

/** What every result says of itself. */
export const LIMITS =
  'Result of a neural network for research use, not reviewed by a physician; not for sole diagnosis. Other diseases can look alike.';

const comment = (sentence: string): PlainDataSet => contains(text(c.COMMENT, sentence));

/** PS3.16 TID 1500 rows 12 to 14, of a series that was analysed. */
export function evaluations({ measurements, warnings }: Analysis, { remarks }: ResultContext) {
  const found = measurements.classes.some(({ voxels }) => voxels > 0);
  return container(c.QUALITATIVE_EVALUATIONS, [
    contains(code(c.ANALYSIS_PERFORMED, c.OUTCOME.Succeeded)),
    ...(found ? [] : [contains(code(c.FINDING, c.ABSENT))]),
    comment(LIMITS),
    ...(measurements.lungGateReason === null
      ? []
      : [comment(`No percentages and no score: ${measurements.lungGateReason}`)]),
    ...[...remarks, ...warnings].map(({ sentence }) => comment(sentence)),
  ]);
}

/** The same of a series that could not be analysed: the reason's code and sentence instead of measurements. */
export function refusalEvaluations({ outcome, code: reason, sentence }: Refusal, { remarks }: ResultContext) {
  return container(c.QUALITATIVE_EVALUATIONS, [
    contains(code(c.ANALYSIS_PERFORMED, c.OUTCOME[outcome])),
    contains(text(c.REASON_CODE, reason)),
    comment(sentence),
    comment(LIMITS),
    ...remarks.map((remark) => comment(remark.sentence)),
  ]);
}

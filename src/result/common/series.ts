import type { DataSet } from '../../dicom/data-set';
import type { PlainDataSet } from '../../dicom/write';
import type { Moment } from './time';

/** The series that one analysis adds to the study. Numbers are fixed: a kind stands at the same place everywhere. */
export const RESULT_SERIES = {
  segmentation: { modality: 'SEG', number: 9001, title: 'AI lesions', bodyPart: 'CHEST' },
  report: { modality: 'SR', number: 9002, title: 'AI report', bodyPart: undefined },
  summary: { modality: 'OT', number: 9003, title: 'AI summary', bodyPart: 'CHEST' },
  overlays: { modality: 'OT', number: 9004, title: 'AI overlay', bodyPart: 'CHEST' },
} as const;

export type ResultSeries = keyof typeof RESULT_SERIES;

/** General Series (PS3.3 C.7.3.1); an empty Laterality would be an error, so there is none. */
export function seriesModule(
  series: ResultSeries,
  seriesUid: string,
  source: DataSet,
  made: Moment,
): PlainDataSet {
  const { modality, number, title, bodyPart } = RESULT_SERIES[series];
  return {
    Modality: modality,
    SeriesInstanceUID: seriesUid,
    SeriesNumber: number,
    SeriesDescription: seriesDescription(title, source, made),
    SeriesDate: made.date,
    SeriesTime: made.time,
    BodyPartExamined: bodyPart,
  };
}

/** `AI lesions 2026-11-23 19:05 of 3: Thorax 1.0`, at most 64 characters (LO). */
function seriesDescription(title: string, source: DataSet, made: Moment): string {
  const name = [source.string('SeriesNumber'), source.string('SeriesDescription')].filter(Boolean).join(': ');
  const text = `${title} ${made.text}${name && ` of ${name}`}`;
  return Array.from(text).slice(0, 64).join('').trimEnd();
}

import { refusalPage, summaryPage } from '../picture/summary-page';
import type { Analysis, EncodedObject, Refusal, ResultContext } from '../types';
import { secondaryCapture } from './secondary-capture';

/** The page that any viewer shows: volumes, percentages, the slices with the most disease. */
export function buildSummary(analysis: Analysis, context: ResultContext): EncodedObject {
  const { summary, slices } = analysis.series;
  const description = 'Summary of an automatic lesion segmentation';
  const capture = { series: 'summary', part: 'page', instanceNumber: 1, description } as const;
  const from = { summary, source: analysis.source, slices, shown: slices };
  return secondaryCapture(summaryPage(analysis, context), { ...capture, ...from }, context);
}

/** The page that says why a series was not analysed. */
export function buildRefusalSummary(refusal: Refusal, context: ResultContext): EncodedObject {
  const { summary, source, slices, outcome, code, sentence } = refusal;
  const part = `${outcome} ${code} ${sentence}`;
  const capture = {
    series: 'summary',
    part,
    instanceNumber: 1,
    description: 'Reason for no analysis',
  } as const;
  const from = { summary, source, slices, shown: slices };
  return secondaryCapture(refusalPage(refusal, context), { ...capture, ...from }, context);
}

import { buildOverlays } from './capture/overlays';
import { buildRefusalSummary, buildSummary } from './capture/summary';
import { buildSeg } from './seg/seg';
import { buildRefusalSr, buildSr } from './sr/sr';
import type { Analysis, EncodedObject, Refusal, ResultContext } from './types';

/**
 * All result objects of an analysis, in the order in which they are sent: what is referred to comes first. The same
 * analysis and context give the same bytes.
 */
export function buildResults(analysis: Analysis, context: ResultContext): EncodedObject[] {
  const { options } = context;
  const seg = buildSeg(analysis, context);
  return [
    ...(seg === null ? [] : [seg]),
    buildSr(analysis, seg, context),
    ...(options.summary ? [buildSummary(analysis, context)] : []),
    ...(options.overlays ? buildOverlays(analysis, context) : []),
  ];
}

/** What tells the PACS that a series was not analysed; nothing where the configuration does not want it. */
export function buildRefusalResults(refusal: Refusal, context: ResultContext): EncodedObject[] {
  const { options } = context;
  if (!options.reportRefusals) return [];
  return [
    buildRefusalSr(refusal, context),
    ...(options.summary ? [buildRefusalSummary(refusal, context)] : []),
  ];
}

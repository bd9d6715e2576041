import { derivedUid } from '../../lib/uid';
import type { SeriesSummary, Slice } from '../../series/types';
import type { ResultContext } from '../types';
import { instancesOf } from './references';
import type { ResultSeries } from './series';

export interface OutputUids {
  seriesUid: string;
  sopInstanceUid: string;
}

/**
 * UIDs of one result object: the same source instances, model, service and configuration give the same UIDs, so that
 * a second run changes nothing in the PACS; anything else gives another series, and so does an input that comes again
 * after retention erased the bytes that stood under its UIDs. `part` tells objects of one kind apart, such as refusals
 * by their reason. Each is a series of its own but for the overlays of one analysis: date and description hold for a
 * whole series (PS3.3 C.7.3.1), and a viewer pages through it as one thing.
 */
export function outputUids(
  series: ResultSeries,
  part: string,
  { studyUid, seriesUid }: SeriesSummary,
  slices: readonly Slice[],
  { producer, erasures }: Pick<ResultContext, 'producer' | 'erasures'>,
): OutputUids {
  const { model, serviceVersion, configHash } = producer;
  const instances = instancesOf(slices).map((instance) => instance.sopInstanceUid);
  const from = [studyUid, seriesUid, ...instances.sort(), model.sha256, serviceVersion, configHash];
  if (erasures > 0) from.push(`erased ${erasures}`);
  const alone = series === 'overlays' ? [] : [part];
  return {
    seriesUid: derivedUid(`${series} series`, ...alone, ...from),
    sopInstanceUid: derivedUid(`${series} ${part}`, ...from),
  };
}

/**
 * What is tracked over analyses of one series, e.g. its ground-glass opacity (PS3.3 C.8.20.2): without the model, so
 * that the next model's result is found as the same thing. Not over studies: that would need the patient's identity.
 */
export const trackingUid = ({ studyUid, seriesUid }: SeriesSummary, what: string): string =>
  derivedUid('tracking', studyUid, seriesUid, what);

import { patientAndStudy } from '../../dicom/copied';
import type { DataSet } from '../../dicom/data-set';
import type { PlainDataSet } from '../../dicom/write';
import type { ResultContext } from '../types';
import { equipment } from './equipment';
import { type ResultSeries, seriesModule } from './series';
import { momentOf } from './time';

/** What every result object says alike: patient and study of the source, its own series, our equipment, its time. */
export function commonModules(
  series: ResultSeries,
  seriesUid: string,
  source: DataSet,
  { producer, createdAt }: ResultContext,
): PlainDataSet {
  const made = momentOf(createdAt, source);
  return {
    ...patientAndStudy(source),
    ...seriesModule(series, seriesUid, source, made),
    ...equipment(producer, made),
    ContentDate: made.date,
    ContentTime: made.time,
    InstanceCreationDate: made.date,
    InstanceCreationTime: made.time,
    // PS3.3 C.12.1.1.8: holds for the copied study time and for our own; without the source's word we claim no zone for it.
    TimezoneOffsetFromUTC: source.string('TimezoneOffsetFromUTC') ?? undefined,
  };
}

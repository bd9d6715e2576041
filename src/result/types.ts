import type { LesionMask, Measurements } from '../mask/types';
import type { ModelIdentity } from '../inference/types';
import type { OrderedSeries, SeriesSummary, Slice, Warning } from '../series/types';
import type { HuVolume } from '../volume/types';

/** An encoded DICOM object, ready for spool and delivery: a whole Part 10 file. */
export interface EncodedObject {
  kind: 'SEG' | 'SR' | 'SC';
  sopClassUid: string;
  sopInstanceUid: string;
  seriesUid: string;
  transferSyntaxUid: string;
  bytes: Buffer;
}

/** Who made the result. */
export interface Producer {
  /** Stable identity of this installation. */
  installId: string;
  deviceUid: string;
  serviceVersion: string;
  model: ModelIdentity;
  provider: string;
  /** sha256 of everything in the configuration that changes a result. */
  configHash: string;
}

/** The analysis as the result stage sees it. */
export interface Analysis {
  series: OrderedSeries;
  volume: HuVolume;
  mask: LesionMask;
  measurements: Measurements;
  warnings: readonly Warning[];
}

/** A series that could not be processed: only an SR says so. */
export interface Refusal {
  summary: SeriesSummary;
  slices: readonly Slice[];
  outcome: 'Failed' | 'Not Attempted';
  code: string;
  sentence: string;
}

import type { Codes } from '../config/codes';
import type { Config } from '../config/schema';
import type { DataSet } from '../dicom/data-set';
import type { ModelIdentity } from '../inference/types';
import type { LesionMask, Measurements } from '../mask/types';
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
  /** Header of an image that was analysed: patient, study and frame of reference are copied from it verbatim. */
  source: DataSet;
  volume: HuVolume;
  mask: LesionMask;
  measurements: Measurements;
  warnings: readonly Warning[];
}

/** A series that could not be processed: only an SR (and the page) says so. */
export interface Refusal {
  summary: SeriesSummary;
  /** Header of an image of the series. */
  source: DataSet;
  slices: readonly Slice[];
  outcome: 'Failed' | 'Not Attempted';
  code: string;
  sentence: string;
}

/** What the results need beside the analysis. The same context and input give the same bytes. */
export interface ResultContext {
  producer: Producer;
  codes: Codes;
  options: Config['result'];
  /** When the analysis was done: kept with it, so that bytes made again are the same. */
  createdAt: Date;
  /** How often retention erased what was made of this series: a result that is made anew is a new instance. */
  erasures: number;
  /** What was odd before the analysis; its own warnings stand beside them. */
  remarks: readonly Warning[];
  /** The report of this series that the new one supersedes: an earlier revision, another model, a refusal, one that was erased here. */
  predecessor: { seriesUid: string; sopClassUid: string; sopInstanceUid: string } | null;
}

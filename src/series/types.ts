import type { RemarkCode } from '../lib/remark-codes';

/** Three or six DS values with the strings they came as: positions and orientations are copied verbatim into results. */
export interface Vector {
  values: readonly number[];
  strings: readonly string[];
}

/**
 * One CT image plane: a single-frame instance, or one frame of an Enhanced or Legacy Converted Enhanced CT
 * (PS3.3 A.38, A.70). Read from headers only.
 */
export interface Slice {
  file: string;
  sopClassUid: string;
  sopInstanceUid: string;
  transferSyntaxUid: string;
  /** 1-based frame of a multi-frame instance; null where the instance is one image. */
  frameNumber: number | null;
  frameCount: number;
  instanceNumber: number | null;
  /** Value 1..n of ImageType, upper case. */
  imageType: readonly string[];

  /** PS3.3 C.7.3.1.1.2, such as `HFS`: tells where the couch lies. */
  patientPosition: string | null;
  /** PS3.3 C.7.4.1: what `position` is measured from. */
  frameOfReferenceUid: string | null;
  rows: number;
  columns: number;
  /** PS3.3 C.7.6.2: of the first transmitted pixel, mm, LPS. Null where missing or unreadable. */
  position: Vector | null;
  /** Row cosines then column cosines. */
  orientation: Vector | null;
  /** [between rows, between columns], mm. */
  pixelSpacing: Vector | null;
  thicknessMm: number | null;

  samplesPerPixel: number;
  photometric: string;
  bitsAllocated: number;
  bitsStored: number;
  highBit: number;
  /** 0 unsigned, 1 two's complement. */
  pixelRepresentation: number;
  /** Null where the data set has none. */
  rescaleSlope: number | null;
  rescaleIntercept: number | null;
  rescaleType: string | null;
  /** Stored values, inclusive; null where the data set names none. */
  padding: { low: number; high: number } | null;
  lossy: { ratio: string | null; method: string | null } | null;

  kernel: string | null;
  contrastAgent: string | null;
  acquisitionNumber: number | null;
  temporalPosition: number | null;
  triggerTimeMs: number | null;
  cardiacPhase: number | null;
  burnedIn: boolean;
}

/** PS3.3 C.11.1: no slope and intercept, or a result in other units than HU. `US`: unspecified. */
export const hasNoRescale = ({ rescaleSlope, rescaleIntercept, rescaleType }: Slice): boolean =>
  rescaleSlope === null || rescaleIntercept === null || (rescaleType !== null && rescaleType !== 'HU');

/** What the selection rules and the results need of the series as a whole; no patient data. */
export interface SeriesSummary {
  studyUid: string;
  seriesUid: string;
  modality: string;
  description: string | null;
  kernel: string | null;
  thicknessMm: number | null;
  callingAe: string | null;
  calledAe: string | null;
}

/** Something odd that does not stop the analysis: stands in log, API and the comment of the SR. */
export interface Warning {
  code: RemarkCode;
  sentence: string;
}

/** Slices in order of position along the normal, all of one geometry and frame of reference, ready to decode. */
export interface OrderedSeries {
  summary: SeriesSummary;
  /** Ascending along `normal`. */
  slices: readonly Slice[];
  /** Unit vector, row x column cosines, LPS. */
  normal: readonly [number, number, number];
  /** Distance of each slice along the normal, mm, ascending. */
  distancesMm: readonly number[];
  /** Half the distance to both neighbours, mm: the weight of each slice in a volume. */
  extentsMm: readonly number[];
  warnings: readonly Warning[];
}

import type { DataSet } from '../dicom/data-set';
import type { DicomFile } from '../dicom/read';
import { TRANSFER_SYNTAX } from '../dicom/uids';
import type { SeriesSummary, Slice, Vector } from './types';

/** Who sent a series, as the association told. */
export interface Sender {
  callingAe: string | null;
  calledAe: string | null;
}

/**
 * The image planes of one instance, from its header: one, or one for each frame of an Enhanced or Legacy Converted
 * Enhanced CT. Never throws: what is missing is null and judged by `arrange`.
 */
export function toSlices(file: string, { transferSyntaxUid, dataset }: DicomFile): Slice[] {
  const shared = dataset.item('SharedFunctionalGroupsSequence');
  const frames = dataset.items('PerFrameFunctionalGroupsSequence');
  const frameCount = Math.max(1, dataset.number('NumberOfFrames') ?? 1);
  if (shared === null && frames.length === 0)
    return [toSlice(file, transferSyntaxUid, dataset, [dataset], null, frameCount)];
  // PS3.3 C.7.6.16: a macro stands either in the shared or in the per-frame group.
  const groups = frames.slice(0, frameCount).map((frame) => (shared === null ? [frame] : [frame, shared]));
  // Frames beyond them have no place; one says it, however many the header claims.
  if (groups.length < frameCount) groups.push([]);
  return groups.map((each, i) => toSlice(file, transferSyntaxUid, dataset, each, i + 1, frameCount));
}

/** `groups`: where the macros may stand; the data set itself for a single-frame image, whose attributes lie flat. */
function toSlice(
  file: string,
  transferSyntaxUid: string,
  dataset: DataSet,
  groups: readonly DataSet[],
  frameNumber: number | null,
  frameCount: number,
): Slice {
  const macro = (sequence: string): DataSet | null => {
    if (frameNumber === null) return dataset;
    for (const group of groups) {
      const item = group.item(sequence);
      if (item !== null) return item;
    }
    return null;
  };
  const measures = macro('PixelMeasuresSequence');
  const content = macro('FrameContentSequence');
  const cardiac = macro('CardiacSynchronizationSequence');
  const transformation = macro('PixelValueTransformationSequence');
  const frameType = macro('CTImageFrameTypeSequence')?.strings('FrameType') ?? [];
  return {
    file,
    sopClassUid: dataset.string('SOPClassUID') ?? '',
    sopInstanceUid: dataset.string('SOPInstanceUID') ?? '',
    transferSyntaxUid,
    frameNumber,
    frameCount,
    instanceNumber: dataset.number('InstanceNumber'),
    imageType: (frameType.length > 0 ? frameType : dataset.strings('ImageType')).map((value) =>
      value.toUpperCase(),
    ),
    patientPosition: dataset.string('PatientPosition'),
    frameOfReferenceUid: dataset.string('FrameOfReferenceUID'),
    rows: dataset.number('Rows') ?? 0,
    columns: dataset.number('Columns') ?? 0,
    position: vector(macro('PlanePositionSequence'), 'ImagePositionPatient', 3),
    orientation: orientation(macro('PlaneOrientationSequence')),
    pixelSpacing: spacing(measures),
    thicknessMm: positive(measures?.number('SliceThickness') ?? null),
    samplesPerPixel: dataset.number('SamplesPerPixel') ?? 0,
    photometric: dataset.string('PhotometricInterpretation') ?? '',
    bitsAllocated: dataset.number('BitsAllocated') ?? 0,
    bitsStored: dataset.number('BitsStored') ?? 0,
    highBit: dataset.number('HighBit') ?? -1,
    pixelRepresentation: dataset.number('PixelRepresentation') ?? 0,
    rescaleSlope: transformation?.number('RescaleSlope') || null,
    rescaleIntercept: transformation?.number('RescaleIntercept') ?? null,
    rescaleType: transformation?.string('RescaleType') ?? null,
    padding: padding(dataset),
    lossy: lossy(dataset, transferSyntaxUid),
    kernel: macro('CTReconstructionSequence')?.verbatim('ConvolutionKernel') ?? null,
    contrastAgent: contrastAgent(dataset),
    acquisitionNumber: content?.number('FrameAcquisitionNumber') ?? dataset.number('AcquisitionNumber'),
    temporalPosition:
      content?.number('TemporalPositionIndex') ?? dataset.number('TemporalPositionIdentifier'),
    triggerTimeMs: cardiac?.number('NominalCardiacTriggerDelayTime') ?? dataset.number('TriggerTime'),
    cardiacPhase: cardiac?.number('NominalPercentageOfCardiacPhase') ?? null,
    burnedIn: dataset.string('BurnedInAnnotation')?.toUpperCase() === 'YES',
  };
}

/** The series as a whole, from the header of any of its images. */
export function toSummary({ dataset }: DicomFile, { callingAe, calledAe }: Sender): SeriesSummary {
  const [first] = toSlices('', { transferSyntaxUid: '', dataset });
  return {
    studyUid: dataset.string('StudyInstanceUID') ?? '',
    seriesUid: dataset.string('SeriesInstanceUID') ?? '',
    modality: dataset.string('Modality') ?? '',
    description: dataset.verbatim('SeriesDescription'),
    kernel: first?.kernel ?? null,
    thicknessMm: first?.thicknessMm ?? null,
    callingAe,
    calledAe,
  };
}

/** Exactly `length` finite numbers, or null. */
function vector(source: DataSet | null, keyword: string, length: number): Vector | null {
  const values = source?.numbers(keyword) ?? [];
  if (values.length !== length || !values.every(Number.isFinite)) return null;
  return { values, strings: source?.strings(keyword) ?? [] };
}

/** PS3.3 C.7.6.2.1.1: two orthogonal unit vectors; anything else cannot be trusted to place a pixel. */
function orientation(source: DataSet | null): Vector | null {
  const cosines = vector(source, 'ImageOrientationPatient', 6);
  if (cosines === null) return null;
  const [a, b, c, d, e, f] = cosines.values as [number, number, number, number, number, number];
  const orthonormal =
    Math.abs(Math.hypot(a, b, c) - 1) < 0.01 &&
    Math.abs(Math.hypot(d, e, f) - 1) < 0.01 &&
    Math.abs(a * d + b * e + c * f) < 0.01;
  return orthonormal ? cosines : null;
}

function spacing(source: DataSet | null): Vector | null {
  const found = vector(source, 'PixelSpacing', 2);
  return found?.values.every((value) => value > 0) ? found : null;
}

const positive = (value: number | null): number | null => (value !== null && value > 0 ? value : null);

/** PS3.3 C.7.5.1.1.2. The range may be given in either order. */
function padding(dataset: DataSet): Slice['padding'] {
  const value = dataset.number('PixelPaddingValue');
  if (value === null) return null;
  const limit = dataset.number('PixelPaddingRangeLimit') ?? value;
  return { low: Math.min(value, limit), high: Math.max(value, limit) };
}

/** Syntaxes that cannot be lossless. */
const ALWAYS_LOSSY = new Set<string>([TRANSFER_SYNTAX.jpegBaseline, TRANSFER_SYNTAX.jpegExtended]);

/** PS3.3 C.7.6.1.1.5: once lossy, always lossy. */
function lossy(dataset: DataSet, transferSyntaxUid: string): Slice['lossy'] {
  if (dataset.string('LossyImageCompression') !== '01' && !ALWAYS_LOSSY.has(transferSyntaxUid)) return null;
  return {
    ratio: dataset.verbatim('LossyImageCompressionRatio'),
    method: dataset.verbatim('LossyImageCompressionMethod'),
  };
}

function contrastAgent(dataset: DataSet): string | null {
  return (
    dataset.verbatim('ContrastBolusAgent') ??
    dataset.item('ContrastBolusAgentSequence')?.verbatim('CodeMeaning') ??
    null
  );
}

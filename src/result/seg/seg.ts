import { frameOfReference } from '../../dicom/copied';
import { SOP_CLASS, TRANSFER_SYNTAX } from '../../dicom/uids';
import type { PlainDataSet } from '../../dicom/write';
import { derivedUid } from '../../lib/uid';
import type { Slice } from '../../series/types';
import { commonModules } from '../common/document';
import { encodeObject } from '../common/encode';
import { algorithmName } from '../common/equipment';
import { referencedSeries } from '../common/references';
import { type OutputUids, outputUids } from '../common/uids';
import type { Analysis, EncodedObject, ResultContext } from '../types';
import { type Frame, framesOf, packFrames } from './frames';
import { dimensions, functionalGroups } from './functional-groups';
import { segment } from './segments';

/**
 * The lesion mask as a binary Segmentation (PS3.3 A.51) on the grid of the source slices: segment 1 GGO, 2 consolidation,
 * 3 pleural effusion. Null when nothing was found, as a SEG has at least one frame; result.segWhenEmpty `blank`: one
 * empty frame for each segment. The series has positions, orientations and spacings, as `series` made sure.
 */
export function buildSeg(analysis: Analysis, context: ResultContext): EncodedObject | null {
  const frames = chooseFrames(analysis, context);
  if (frames.length === 0) return null;
  const { summary, slices } = analysis.series;
  const uids = outputUids('segmentation', 'SEG', summary, slices, context);
  const transferSyntaxUid = context.options.segDeflated
    ? TRANSFER_SYNTAX.deflatedExplicitLittleEndian
    : TRANSFER_SYNTAX.explicitLittleEndian;
  const dataset = segDataset(analysis, frames, uids, context);
  return encodeObject('SEG', SOP_CLASS.segmentation, uids, dataset, transferSyntaxUid);
}

function chooseFrames({ mask }: Analysis, { options }: ResultContext): Frame[] {
  const found = framesOf(mask, false);
  if (found.length > 0) return options.segKeepEmptyFrames ? framesOf(mask, true) : found;
  return options.segWhenEmpty === 'blank' ? framesOf(mask.slice(0, 1), true) : [];
}

function segDataset(
  { series, source, volume, mask }: Analysis,
  frames: readonly Frame[],
  { seriesUid, sopInstanceUid }: OutputUids,
  context: ResultContext,
): PlainDataSet {
  const { rows, columns } = volume;
  return {
    ...commonModules('segmentation', seriesUid, source, context),
    ...frameOfReference(source),
    ...referencedSeries(series.summary.seriesUid, series.slices),
    ImageType: ['DERIVED', 'PRIMARY'],
    InstanceNumber: 1,
    ContentLabel: 'LUNG_LESIONS',
    ContentDescription: `Lesions found by ${algorithmName(context.producer)}`.slice(0, 64),
    ContentCreatorName: null,
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    Rows: rows,
    Columns: columns,
    BitsAllocated: 1,
    BitsStored: 1,
    HighBit: 0,
    PixelRepresentation: 0,
    ...lossyCompression(series.slices),
    SegmentationType: 'BINARY',
    SegmentsOverlap: 'NO',
    SegmentSequence: context.codes.classes.map((each) => segment(each, series.summary, context)),
    ...dimensions(derivedUid('dimensions', sopInstanceUid)),
    NumberOfFrames: frames.length,
    ...functionalGroups(series, frames),
    PixelData: packFrames(mask, frames, rows * columns),
  };
}

/** PS3.3 C.7.6.1.1.5: once lossy, always lossy, with ratio and method where the source tells them. */
function lossyCompression(slices: readonly Slice[]): PlainDataSet {
  const lossy = slices.find((slice) => slice.lossy !== null)?.lossy;
  if (!lossy) return { LossyImageCompression: '00' };
  return {
    LossyImageCompression: '01',
    LossyImageCompressionRatio: lossy.ratio ?? undefined,
    LossyImageCompressionMethod: lossy.method ?? undefined,
  };
}

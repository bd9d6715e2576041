import { readHeader } from '../../../src/dicom/read';
import { SOP_CLASS, TRANSFER_SYNTAX } from '../../../src/dicom/uids';
import { type PlainDataSet, writePart10 } from '../../../src/dicom/write';
import { arrange } from '../../../src/series/arrange';
import { toSlices, toSummary } from '../../../src/series/slices';
import { ctFile, ctSummary } from '../../fixtures/ct';

const slicesOf = (bytes: Buffer) => toSlices('a.dcm', readHeader(bytes));
const one = (dataset: PlainDataSet) => slicesOf(ctFile(dataset))[0];

test('a single-frame CT is one slice, with the strings of its position as they came', () => {
  const [slice, ...others] = slicesOf(
    ctFile({ InstanceNumber: '7', ConvolutionKernel: 'B70f', PatientPosition: 'HFDL' }),
  );
  expect(others).toEqual([]);
  expect(slice).toMatchObject({
    file: 'a.dcm',
    sopClassUid: SOP_CLASS.ct,
    sopInstanceUid: '1.2.3.1',
    frameNumber: null,
    frameCount: 1,
    instanceNumber: 7,
    patientPosition: 'HFDL',
    position: { values: [-100.5, -98, 12.5], strings: ['-100.5', '-98.000000', '12.50'] },
    pixelSpacing: { values: [0.7, 0.7], strings: ['0.70', '0.7'] },
    kernel: 'B70f',
    rescaleIntercept: -1024,
    padding: null,
    lossy: null,
  });
});

test.each<[string, PlainDataSet, 'position' | 'orientation' | 'pixelSpacing']>([
  ['two coordinates', { ImagePositionPatient: ['1', '2'] }, 'position'],
  ['no number', { ImagePositionPatient: ['1', '2', 'z'] }, 'position'],
  [
    'cosines that are no unit vectors',
    { ImageOrientationPatient: ['2', '0', '0', '0', '1', '0'] },
    'orientation',
  ],
  [
    'cosines that are not orthogonal',
    { ImageOrientationPatient: ['1', '0', '0', '0.7071', '0.7071', '0'] },
    'orientation',
  ],
  ['zero cosines', { ImageOrientationPatient: ['0', '0', '0', '0', '0', '0'] }, 'orientation'],
  ['zero spacing', { PixelSpacing: ['0', '0.7'] }, 'pixelSpacing'],
])('geometry that cannot place a pixel is null: %s', (_, dataset, field) =>
  expect(one(dataset)?.[field]).toBeNull(),
);

test('padding value and range limit come in either order', () => {
  expect(one({ PixelPaddingValue: -2000 })?.padding).toEqual({ low: -2000, high: -2000 });
  expect(one({ PixelPaddingValue: -1500, PixelPaddingRangeLimit: -2000 })?.padding).toEqual({
    low: -2000,
    high: -1500,
  });
});

test('lossy: by attribute, and by a transfer syntax that cannot be lossless', () => {
  expect(one({ LossyImageCompression: '01', LossyImageCompressionRatio: '9.8' })?.lossy).toEqual({
    ratio: '9.8',
    method: null,
  });
  expect(one({ LossyImageCompression: '00' })?.lossy).toBeNull();
  const jpeg = ctFile({ PixelData: [new Uint8Array(4)] }, TRANSFER_SYNTAX.jpegExtended);
  expect(slicesOf(jpeg)[0]?.lossy).toEqual({ ratio: null, method: null });
});

test('a rescale slope of zero is no rescale', () =>
  expect(one({ RescaleSlope: '0' })?.rescaleSlope).toBeNull());

test('the summary keeps series attributes and sender, and no patient data', () => {
  const header = readHeader(
    ctFile({ PatientName: 'Doe^Jane', SeriesDescription: 'Lung 1.0', BodyPartExamined: 'CHEST' }),
  );
  const summary = toSummary(header, { callingAe: 'CT1', calledAe: 'RAUNET' });
  expect(summary).toMatchObject({
    seriesUid: '1.2.3.4',
    description: 'Lung 1.0',
    thicknessMm: 1.5,
    callingAe: 'CT1',
  });
  expect(JSON.stringify(summary)).not.toContain('Doe');
});

describe('Enhanced CT (PS3.3 A.38)', () => {
  const enhanced = (shared: PlainDataSet, frames: PlainDataSet[], more: PlainDataSet = {}) =>
    slicesOf(
      writePart10({
        sopClassUid: SOP_CLASS.enhancedCt,
        sopInstanceUid: '1.2.3.9',
        transferSyntaxUid: TRANSFER_SYNTAX.explicitLittleEndian,
        dataset: {
          Modality: 'CT',
          ImageType: ['ORIGINAL', 'PRIMARY', 'VOLUME', 'NONE'],
          NumberOfFrames: frames.length,
          Rows: 2,
          Columns: 2,
          SamplesPerPixel: 1,
          PhotometricInterpretation: 'MONOCHROME2',
          BitsAllocated: 16,
          BitsStored: 12,
          HighBit: 11,
          PixelRepresentation: 0,
          SharedFunctionalGroupsSequence: [shared],
          PerFrameFunctionalGroupsSequence: frames,
          PixelData: new Uint8Array(8 * frames.length),
          ...more,
        },
      }),
    );
  const shared: PlainDataSet = {
    PixelMeasuresSequence: [{ PixelSpacing: ['0.5', '0.5'], SliceThickness: '1' }],
    PlaneOrientationSequence: [{ ImageOrientationPatient: ['1', '0', '0', '0', '1', '0'] }],
    PixelValueTransformationSequence: [{ RescaleSlope: '1', RescaleIntercept: '-1024', RescaleType: 'HU' }],
    CTReconstructionSequence: [{ ConvolutionKernel: 'LUNG' }],
  };
  const frame = (z: string, more: PlainDataSet = {}): PlainDataSet => ({
    PlanePositionSequence: [{ ImagePositionPatient: ['0', '0', z] }],
    ...more,
  });

  test('each frame is a slice, from shared and per-frame groups, numbered from 1', () => {
    const slices = enhanced(shared, [frame('10.0'), frame('11.0')]);
    expect(slices.map(({ frameNumber, position }) => [frameNumber, position?.strings[2]])).toEqual([
      [1, '10.0'],
      [2, '11.0'],
    ]);
    expect(slices[1]).toMatchObject({
      frameCount: 2,
      pixelSpacing: { values: [0.5, 0.5] },
      thicknessMm: 1,
      rescaleSlope: 1,
      rescaleIntercept: -1024,
      kernel: 'LUNG',
      imageType: ['ORIGINAL', 'PRIMARY', 'VOLUME', 'NONE'],
    });
  });

  test('a per-frame group goes before the shared one: rescale, type, phase', () => {
    const [slice] = enhanced(shared, [
      frame('1', {
        PixelValueTransformationSequence: [{ RescaleSlope: '2', RescaleIntercept: '0', RescaleType: 'US' }],
        CTImageFrameTypeSequence: [{ FrameType: ['DERIVED', 'PRIMARY', 'VOLUME', 'MAXIMUM'] }],
        FrameContentSequence: [{ FrameAcquisitionNumber: 3, TemporalPositionIndex: 2 }],
        CardiacSynchronizationSequence: [
          { NominalPercentageOfCardiacPhase: 75, NominalCardiacTriggerDelayTime: 640.5 },
        ],
      }),
    ]);
    expect(slice).toMatchObject({
      rescaleSlope: 2,
      rescaleType: 'US',
      imageType: ['DERIVED', 'PRIMARY', 'VOLUME', 'MAXIMUM'],
      acquisitionNumber: 3,
      temporalPosition: 2,
      cardiacPhase: 75,
      triggerTimeMs: 640.5,
    });
  });

  test('frames without their groups are told by one that has no place, not left out and not invented', () => {
    const slices = enhanced(shared, [frame('1')], { NumberOfFrames: 2000000000 });
    expect(slices.map(({ frameNumber, position }) => [frameNumber, position === null])).toEqual([
      [1, false],
      [2, true],
    ]);
    expect(() => arrange(slices, ctSummary())).toThrow('RAUNET_NO_GEOMETRY');
  });
});

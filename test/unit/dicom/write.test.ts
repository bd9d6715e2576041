import fc from 'fast-check';
import { readHeader } from '../../../src/dicom/read';
import { SOP_CLASS, TRANSFER_SYNTAX } from '../../../src/dicom/uids';
import { decimalString, type PlainDataSet, writePart10 } from '../../../src/dicom/write';

const written = (
  dataset: PlainDataSet,
  transferSyntaxUid: string = TRANSFER_SYNTAX.explicitLittleEndian,
): Buffer =>
  writePart10({ sopClassUid: SOP_CLASS.segmentation, sopInstanceUid: '2.25.7', transferSyntaxUid, dataset });
const readBack = (dataset: PlainDataSet) => readHeader(written(dataset)).dataset;

test('text of any script is UTF-8 under ISO_IR 192 (PS3.3 C.12.1.1.2), whatever the caller says', () => {
  const dataset = readBack({
    PatientName: 'Yamada^Tarou=山田^太郎=やまだ^たろう',
    SpecificCharacterSet: 'ISO_IR 100',
  });
  expect(dataset.verbatim('PatientName')).toBe('Yamada^Tarou=山田^太郎=やまだ^たろう');
  expect(dataset.string('SpecificCharacterSet')).toBe('ISO_IR 192');
});

test('DS strings are written verbatim, also those longer than 16 characters', () => {
  const strings = ['-100.500000', '+98', '1.25e1'];
  expect(readBack({ ImagePositionPatient: strings }).strings('ImagePositionPatient')).toEqual(strings);
  const long = '-161.39999389648437';
  expect(readBack({ SliceLocation: long }).verbatim('SliceLocation')).toBe(long);
});

test('null, empty text and empty arrays are present without a value, undefined is absent (type 2 and 3)', () => {
  const dataset = readBack({
    PatientName: null,
    PatientID: '',
    ImageType: [],
    ReferencedSeriesSequence: [],
    PatientSex: undefined,
  });
  for (const keyword of ['PatientName', 'PatientID', 'ImageType', 'ReferencedSeriesSequence'])
    expect([keyword, dataset.has(keyword), dataset.verbatim(keyword)]).toEqual([keyword, true, null]);
  expect(dataset.has('PatientSex')).toBe(false);
});

test('sequences nest, numbers keep their VR, attribute tags are given as keywords', () => {
  const dataset = readBack({
    DimensionIndexSequence: [{ DimensionIndexPointer: 'ImagePositionPatient' }],
    SegmentSequence: [
      { SegmentNumber: 1, SegmentedPropertyTypeCodeSequence: [{ CodeValue: '112120' }] },
      { SegmentNumber: 2, RecommendedDisplayCIELabValue: [37753, 21404, 36035] },
    ],
    LongitudinalTemporalOffsetFromEvent: 0.1,
  });
  const [first, second] = dataset.items('SegmentSequence');
  expect(first?.item('SegmentedPropertyTypeCodeSequence')?.string('CodeValue')).toBe('112120');
  expect(second?.numbers('RecommendedDisplayCIELabValue')).toEqual([37753, 21404, 36035]);
  expect(dataset.number('LongitudinalTemporalOffsetFromEvent')).toBe(0.1);
  // PS3.5 7.1: group then element, little endian.
  expect(
    written({ DimensionIndexPointer: 'ImagePositionPatient' }).includes(
      Buffer.from('20006591 4154 0400 2000 3200'.replaceAll(' ', ''), 'hex'),
    ),
  ).toBe(true);
});

test('pixel bytes are not touched', () => {
  const bytes = written({ BitsAllocated: 8, PixelData: Uint8Array.from({ length: 256 }, (_, i) => i) });
  expect(bytes.subarray(-256)).toEqual(Buffer.from(Uint8Array.from({ length: 256 }, (_, i) => i)));
});

test('a deflated file holds the same data set in even length (PS3.5 A.5)', () => {
  for (let length = 2; length < 12; length += 2) {
    const dataset = { PatientName: 'a'.repeat(length), PixelData: new Uint8Array(4096) };
    const deflated = written(dataset, TRANSFER_SYNTAX.deflatedExplicitLittleEndian);
    expect(deflated.length % 2).toBe(0);
    expect(deflated.length).toBeLessThan(1000);
    expect(readHeader(deflated).dataset.string('PatientName')).toBe('a'.repeat(length));
  }
});

test('the same data set gives the same bytes', () => {
  const dataset = { PatientName: 'Doe^Jane', PatientID: '1', PixelData: new Uint8Array(8) };
  expect(written(dataset)).toEqual(written({ ...dataset }));
});

test('what cannot be written is refused: a keyword that is none, Implicit VR, a number that is none', () => {
  expect(() => written({ PatientsName: 'x' })).toThrow('PatientsName is no DICOM keyword');
  expect(() => written({}, TRANSFER_SYNTAX.implicitLittleEndian)).toThrow('is not written');
  expect(() => written({ SliceThickness: Number.NaN })).toThrow('NaN is no decimal string');
});

test('a number becomes a DS of at most 16 characters that keeps at least nine digits (PS3.5 6.2)', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, min: -1e300, max: 1e300 }), (value) => {
      const text = decimalString(value);
      expect(text.length).toBeLessThanOrEqual(16);
      expect(text).toMatch(/^-?\d+(\.\d+)?(e[+-]?\d+)?$/);
      expect(Math.abs(Number(text) - value)).toBeLessThanOrEqual(Math.abs(value) * 1e-8);
    }),
  );
});

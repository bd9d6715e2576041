import { SOP_CLASS, TRANSFER_SYNTAX } from '../../dicom/uids';
import { writePart10 } from '../../dicom/write';
import { derivedUid } from '../../lib/uid';
import { type Chest, type ChestOptions, chest } from './chest';

export interface PhantomInstance {
  sopInstanceUid: string;
  bytes: Buffer;
  /** Row-major [rows * columns], class index. */
  truth: Uint8Array;
}

export interface PhantomSeries {
  studyUid: string;
  seriesUid: string;
  /** Volume of one voxel, mL. */
  voxelMl: number;
  count: number;
  instance(k: number): PhantomInstance;
}

/** The phantom as a CT series (PS3.3 A.3), head first supine. Same options, same UIDs, same bytes. */
export function phantomSeries(options: ChestOptions): PhantomSeries {
  const identity = ['phantom', JSON.stringify(options)];
  const studyUid = derivedUid('study', ...identity);
  const seriesUid = derivedUid('series', ...identity);
  const scan: Chest = chest(options);
  const instance = (k: number): PhantomInstance => {
    const { hu, truth, position } = scan.slice(k);
    const sopInstanceUid = derivedUid('instance', String(k), ...identity);
    const bytes = writePart10({
      sopClassUid: SOP_CLASS.ct,
      sopInstanceUid,
      transferSyntaxUid: TRANSFER_SYNTAX.explicitLittleEndian,
      dataset: {
        ...PATIENT_AND_STUDY,
        StudyInstanceUID: studyUid,
        SeriesInstanceUID: seriesUid,
        FrameOfReferenceUID: derivedUid('frame of reference', ...identity),
        SeriesNumber: 2,
        SeriesDescription: options.lesions ? 'Phantom chest, lesions' : 'Phantom chest, no lesions',
        InstanceNumber: options.slices - k,
        ImagePositionPatient: position,
        ImageOrientationPatient: [1, 0, 0, 0, 1, 0],
        PixelSpacing: [scan.spacingMm, scan.spacingMm],
        SliceThickness: scan.sliceDistanceMm,
        Rows: options.size,
        Columns: options.size,
        PixelData: stored(hu),
      },
    });
    return { sopInstanceUid, bytes, truth };
  };
  const voxelMl = (scan.spacingMm ** 2 * scan.sliceDistanceMm) / 1000;
  return { studyUid, seriesUid, voxelMl, count: options.slices, instance };
}

const PATIENT_AND_STUDY = {
  PatientName: 'Phantom^Chest',
  PatientID: 'RAUNET-PHANTOM',
  PatientBirthDate: null,
  PatientSex: 'O',
  StudyDate: '20200410',
  StudyTime: '120000',
  AcquisitionDate: '20200410',
  AcquisitionTime: '120500',
  ContentDate: '20200410',
  ContentTime: '120500',
  ReferringPhysicianName: null,
  StudyID: '1',
  AccessionNumber: null,
  StudyDescription: 'Synthetic chest CT',
  Modality: 'CT',
  Manufacturer: 'Raunet PACS',
  ManufacturerModelName: 'Phantom',
  BodyPartExamined: 'CHEST',
  PatientPosition: 'HFS',
  ImageType: ['ORIGINAL', 'PRIMARY', 'AXIAL'],
  AcquisitionNumber: 1,
  KVP: 120,
  ConvolutionKernel: 'STANDARD',
  PositionReferenceIndicator: null,
  SamplesPerPixel: 1,
  PhotometricInterpretation: 'MONOCHROME2',
  BitsAllocated: 16,
  BitsStored: 12,
  HighBit: 11,
  PixelRepresentation: 0,
  RescaleIntercept: -1024,
  RescaleSlope: 1,
  RescaleType: 'HU',
  WindowCenter: -500,
  WindowWidth: 1500,
} as const;

/** HU to 12-bit unsigned stored values, little endian. */
function stored(hu: Int16Array): Uint8Array {
  const values = Uint16Array.from(hu, (value) => value + 1024);
  return new Uint8Array(values.buffer);
}

import { frameOfReference, patientAndStudy } from '../../../src/dicom/copied';
import { readHeader } from '../../../src/dicom/read';
import { ctFile } from '../../fixtures/ct';

const source = readHeader(
  ctFile({
    PatientName: 'Müller^Änne',
    PatientID: '0815',
    IssuerOfPatientID: 'HOSPITAL',
    AccessionNumber: 'A-1',
    StudyTime: '120000.000000',
    PatientIdentityRemoved: 'YES',
    DeidentificationMethodCodeSequence: [{ CodeValue: '113100', CodingSchemeDesignator: 'DCM' }],
    ClinicalTrialSubjectID: '7',
    PatientComments: null,
    OtherPatientIDsSequence: [],
    FrameOfReferenceUID: '1.2.3.5',
    SeriesDescription: 'Lung',
  }),
).dataset;

test('patient, study, trial and de-identification attributes are copied as they are; type 2 ones stand empty', () => {
  expect(patientAndStudy(source)).toEqual({
    PatientName: 'Müller^Änne',
    PatientID: '0815',
    IssuerOfPatientID: 'HOSPITAL',
    PatientBirthDate: null,
    PatientSex: null,
    StudyInstanceUID: '1.2.3',
    StudyDate: null,
    StudyTime: '120000.000000',
    ReferringPhysicianName: null,
    StudyID: null,
    AccessionNumber: 'A-1',
    PatientIdentityRemoved: 'YES',
    DeidentificationMethodCodeSequence: [{ CodeValue: '113100', CodingSchemeDesignator: 'DCM' }],
    ClinicalTrialSubjectID: '7',
  });
});

test('what is copied survives being written again', () => {
  const again = readHeader(ctFile(patientAndStudy(source))).dataset;
  expect(patientAndStudy(again)).toEqual(patientAndStudy(source));
});

test('frame of reference keeps its type 2 attribute', () => {
  expect(frameOfReference(source)).toEqual({
    FrameOfReferenceUID: '1.2.3.5',
    PositionReferenceIndicator: null,
  });
});

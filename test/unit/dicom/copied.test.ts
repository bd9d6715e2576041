import { frameOfReference, patientAndStudy } from '../../../src/dicom/copied';
import { readHeader } from '../../../src/dicom/read';
import type { PlainDataSet } from '../../../src/dicom/write';
import { ctFile } from '../../fixtures/ct';

const PROFILE = {
  CodeValue: '113100',
  CodingSchemeDesignator: 'DCM',
  CodeMeaning: 'Basic Application Confidentiality Profile',
};

const source = readHeader(
  ctFile({
    PatientName: 'Müller^Änne',
    PatientID: '0815',
    IssuerOfPatientID: 'HOSPITAL',
    AccessionNumber: 'A-1',
    StudyTime: '120000.000000',
    PatientIdentityRemoved: 'YES',
    DeidentificationMethodCodeSequence: [PROFILE],
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
    DeidentificationMethodCodeSequence: [PROFILE],
    ClinicalTrialSubjectID: '7',
    ClinicalTrialProtocolName: null,
    ClinicalTrialSiteID: null,
    ClinicalTrialSiteName: null,
  });
});

test('what is copied survives being written again', () => {
  const again = readHeader(ctFile(patientAndStudy(source))).dataset;
  expect(patientAndStudy(again)).toEqual(patientAndStudy(source));
});

describe('clinical trial', () => {
  const trial = (attributes: PlainDataSet): PlainDataSet =>
    Object.fromEntries(
      Object.entries(patientAndStudy(readHeader(ctFile(attributes)).dataset)).filter(([keyword]) =>
        keyword.startsWith('ClinicalTrial'),
      ),
    );

  test('the type 2 attributes of a module that the source has stand empty (PS3.3 C.7.1.3, C.7.2.3)', () => {
    const subject = { ClinicalTrialSponsorName: 'Sponsor', ClinicalTrialProtocolID: 'P1' };
    const empty = {
      ClinicalTrialProtocolName: null,
      ClinicalTrialSiteID: null,
      ClinicalTrialSiteName: null,
    };
    expect(trial({ ...subject, ...empty })).toEqual({ ...subject, ...empty });
    expect(trial({ ...subject, ClinicalTrialSiteID: '4' })).toEqual({
      ...subject,
      ...empty,
      ClinicalTrialSiteID: '4',
    });
    const study = { ClinicalTrialTimePointDescription: 'Baseline' };
    expect(trial({ ...study, ClinicalTrialTimePointID: null })).toEqual({
      ...study,
      ClinicalTrialTimePointID: null,
    });
  });

  test('a module without any value is left out, its type 1 attributes would be missing', () => {
    expect(trial({ ClinicalTrialSponsorName: null, ClinicalTrialSiteID: null })).toEqual({});
  });
});

test('text of an item with a character set of its own is the same when written again (PS3.5 7.5.3)', () => {
  const file = ctFile({
    PatientName: 'Müller^Änne',
    OtherPatientIDsSequence: [
      {
        SpecificCharacterSet: 'ISO_IR 100',
        PatientID: '~~',
        IssuerOfPatientIDQualifiersSequence: [
          { SpecificCharacterSet: 'ISO_IR 144', UniversalEntityID: '##', UniversalEntityIDType: 'DNS' },
        ],
      },
    ],
  });
  file.set([0xc4, 0xd6], file.indexOf('~~')); // ISO 8859-1
  file.set([0xb4, 0xd8], file.indexOf('##')); // ISO 8859-5
  const again = readHeader(ctFile(patientAndStudy(readHeader(file).dataset))).dataset;
  const item = again.item('OtherPatientIDsSequence')!;
  expect(again.string('PatientName')).toBe('Müller^Änne');
  expect(item.string('PatientID')).toBe('ÄÖ');
  expect(item.item('IssuerOfPatientIDQualifiersSequence')!.string('UniversalEntityID')).toBe('Ди');
  expect(item.has('SpecificCharacterSet')).toBe(false);
});

test('frame of reference keeps its type 2 attribute', () => {
  expect(frameOfReference(source)).toEqual({
    FrameOfReferenceUID: '1.2.3.5',
    PositionReferenceIndicator: null,
  });
});

test('codes that nobody can read are left out, whole ones stay', () => {
  const { dataset } = readHeader(
    ctFile({
      ProcedureCodeSequence: [{ CodeValue: 'CTCHEST', CodeMeaning: 'CT chest' }],
      AdmittingDiagnosesCodeSequence: [{ CodeValue: 'X' }, PROFILE],
    }),
  );
  const copied = patientAndStudy(dataset);
  expect(copied['ProcedureCodeSequence']).toBeUndefined();
  expect(copied['AdmittingDiagnosesCodeSequence']).toEqual([PROFILE]);
});

test('a removed identity without a method says that the source does not state it', () => {
  const { dataset } = readHeader(ctFile({ PatientIdentityRemoved: 'YES' }));
  expect(patientAndStudy(dataset)['DeidentificationMethod']).toBe('Not stated in the source images');
});

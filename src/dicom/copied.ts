import type { DataSet } from './data-set';
import { tagOf } from './tags';
import type { PlainDataSet, PlainValue } from './write';

/** Type 2 in PS3.3 C.7.1.1 and C.7.2.1: present in every result, empty where the source has none. */
const TYPE_2 = [
  'PatientName',
  'PatientID',
  'PatientBirthDate',
  'PatientSex',
  'StudyDate',
  'StudyTime',
  'ReferringPhysicianName',
  'StudyID',
  'AccessionNumber',
] as const;

/** Copied where the source has them. */
const OPTIONAL = [
  // PS3.3 C.7.1.1 Patient
  'IssuerOfPatientID',
  'TypeOfPatientID',
  'IssuerOfPatientIDQualifiersSequence',
  'OtherPatientIDs',
  'OtherPatientIDsSequence',
  'OtherPatientNames',
  'PatientBirthTime',
  'EthnicGroup',
  'PatientComments',
  'QualityControlSubject',
  'PatientIdentityRemoved',
  'DeidentificationMethod',
  'DeidentificationMethodCodeSequence',
  // PS3.3 C.7.2.1 General Study
  'StudyInstanceUID',
  'StudyDescription',
  'IssuerOfAccessionNumberSequence',
  'PhysiciansOfRecord',
  'PhysiciansOfRecordIdentificationSequence',
  'NameOfPhysiciansReadingStudy',
  'PhysiciansReadingStudyIdentificationSequence',
  'ReferringPhysicianIdentificationSequence',
  'ProcedureCodeSequence',
  // PS3.3 C.7.2.2 Patient Study
  'AdmittingDiagnosesDescription',
  'AdmittingDiagnosesCodeSequence',
  'PatientAge',
  'PatientSize',
  'PatientWeight',
  'AdmissionID',
  'IssuerOfAdmissionIDSequence',
  'ServiceEpisodeID',
  'IssuerOfServiceEpisodeIDSequence',
  'Occupation',
  'AdditionalPatientHistory',
  'PatientSexNeutered',
  // PS3.3 C.12.1
  'LongitudinalTemporalInformationModified',
] as const;

interface TrialModule {
  /** Present, perhaps empty, wherever the module is. */
  type2: readonly string[];
  others: readonly string[];
}

/** PS3.3 C.7.1.3. */
const CLINICAL_TRIAL_SUBJECT: TrialModule = {
  type2: ['ClinicalTrialProtocolName', 'ClinicalTrialSiteID', 'ClinicalTrialSiteName'],
  others: [
    'ClinicalTrialSponsorName',
    'ClinicalTrialProtocolID',
    'IssuerOfClinicalTrialProtocolID',
    'OtherClinicalTrialProtocolIDsSequence',
    'IssuerOfClinicalTrialSiteID',
    'ClinicalTrialSubjectID',
    'IssuerOfClinicalTrialSubjectID',
    'ClinicalTrialSubjectReadingID',
    'IssuerOfClinicalTrialSubjectReadingID',
    'ClinicalTrialProtocolEthicsCommitteeName',
    'ClinicalTrialProtocolEthicsCommitteeApprovalNumber',
  ],
};

/** PS3.3 C.7.2.3. */
const CLINICAL_TRIAL_STUDY: TrialModule = {
  type2: ['ClinicalTrialTimePointID'],
  others: [
    'IssuerOfClinicalTrialTimePointID',
    'ClinicalTrialTimePointDescription',
    'LongitudinalTemporalOffsetFromEvent',
    'LongitudinalTemporalEventType',
    'ConsentForClinicalTrialUseSequence',
  ],
};

/** Everything that `patientAndStudy` copies. */
export const COPIED: readonly string[] = [
  ...TYPE_2,
  ...OPTIONAL,
  ...[CLINICAL_TRIAL_SUBJECT, CLINICAL_TRIAL_STUDY].flatMap(({ type2, others }) => [...type2, ...others]),
];

const empty = (keywords: readonly string[]): PlainDataSet =>
  Object.fromEntries(keywords.map((keyword) => [keyword, null]));

/** Patient, study, clinical-trial and de-identification attributes of a source, as results carry them: verbatim. */
export function patientAndStudy(source: DataSet): PlainDataSet {
  const copied = {
    ...empty(TYPE_2),
    ...pick(source, [...TYPE_2, ...OPTIONAL]),
    ...trialModule(source, CLINICAL_TRIAL_SUBJECT),
    ...trialModule(source, CLINICAL_TRIAL_STUDY),
  };
  return { ...copied, ...deidentificationMethod(copied) };
}

/** The module is there where one of its attributes has a value: some sources empty all of them. */
function trialModule(source: DataSet, { type2, others }: TrialModule): PlainDataSet {
  const picked = pick(source, [...type2, ...others]);
  return Object.keys(picked).length === 0 ? {} : { ...empty(type2), ...picked };
}

/** Type 1C where the identity was removed (PS3.3 C.7.1.1); some de-identified sources do not say how. */
function deidentificationMethod(copied: PlainDataSet): PlainDataSet {
  const missing =
    copied['PatientIdentityRemoved'] === 'YES' &&
    copied['DeidentificationMethod'] === undefined &&
    copied['DeidentificationMethodCodeSequence'] === undefined;
  return missing ? { DeidentificationMethod: 'Not stated in the source images' } : {};
}

/** PS3.3 C.7.4.1, verbatim. */
export function frameOfReference(source: DataSet): PlainDataSet {
  return {
    PositionReferenceIndicator: null,
    ...pick(source, ['FrameOfReferenceUID', 'PositionReferenceIndicator']),
  };
}

/** The named elements that have a value, ready to be written; items of sequences whole but for private elements. */
function pick(source: DataSet, keywords: readonly string[]): PlainDataSet {
  const picked: PlainDataSet = {};
  for (const keyword of keywords) {
    const value = plainValue(source, keyword);
    if (value !== null && value !== undefined && !(Array.isArray(value) && value.length === 0))
      picked[keyword] = value;
  }
  return picked;
}

function plainValue(source: DataSet, keyword: string): PlainValue {
  const { vr } = tagOf(keyword);
  if (vr === 'SQ')
    return source
      .items(keyword)
      .filter((item) => isWhole(keyword, item))
      .map((item) => pick(item, item.keywords().filter(isNoCharacterSet)));
  if (['US', 'SS', 'UL', 'SL', 'FL', 'FD', 'xs'].includes(vr)) return source.numbers(keyword);
  // Bulk and tag-valued elements have no place in these modules.
  if (/^(O.|ox|UN|AT|UV|SV|na)$/.test(vr)) return undefined;
  return source.verbatim(keyword);
}

/** An item's own set was that of its bytes; the text is decoded by now, and a result is UTF-8 throughout. */
const isNoCharacterSet = (keyword: string): boolean => keyword !== 'SpecificCharacterSet';

/** Some sources keep codes without scheme or meaning, which nobody can read and validators refuse (PS3.3 Table 8.8-1). */
const isWhole = (keyword: string, item: DataSet): boolean =>
  !keyword.endsWith('CodeSequence') ||
  item.has('LongCodeValue') ||
  item.has('URNCodeValue') ||
  ['CodeValue', 'CodingSchemeDesignator', 'CodeMeaning'].every((part) => item.string(part) !== null);

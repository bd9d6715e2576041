import { dcm, sct, ucum } from '../common/code';
import type { Code } from '../../config/codes';

/** Concepts of the report, under their meanings in PS3.16 Annex D, SNOMED CT and UCUM. */
export const IMAGING_MEASUREMENT_REPORT = dcm('126000', 'Imaging Measurement Report');
export const LANGUAGE = dcm('121049', 'Language of Content Item and Descendants');
export const US_ENGLISH: Code = { value: 'en-US', scheme: 'RFC5646', meaning: 'English (United States)' };
export const OBSERVER_TYPE = dcm('121005', 'Observer Type');
export const DEVICE = dcm('121007', 'Device');
export const DEVICE_UID = dcm('121012', 'Device Observer UID');
export const DEVICE_NAME = dcm('121013', 'Device Observer Name');
export const DEVICE_MANUFACTURER = dcm('121014', 'Device Observer Manufacturer');
export const DEVICE_MODEL = dcm('121015', 'Device Observer Model Name');
export const DEVICE_SERIAL = dcm('121016', 'Device Observer Serial Number');
export const PROCEDURE_REPORTED = dcm('121058', 'Procedure reported');
export const CT: Code = { value: '25045-6', scheme: 'LN', meaning: 'CT unspecified body region' };

export const IMAGE_LIBRARY = dcm('111028', 'Image Library');
export const IMAGE_LIBRARY_GROUP = dcm('126200', 'Image Library Group');
export const MODALITY = dcm('121139', 'Modality');
export const COMPUTED_TOMOGRAPHY = dcm('CT', 'Computed Tomography');
export const FRAME_OF_REFERENCE_UID = dcm('112227', 'Frame of Reference UID');
export const SOURCE = sct('260753009', 'Source');

export const IMAGING_MEASUREMENTS = dcm('126010', 'Imaging Measurements');
export const MEASUREMENT_GROUP = dcm('125007', 'Measurement Group');
export const TRACKING_IDENTIFIER = dcm('112039', 'Tracking Identifier');
export const TRACKING_UID = dcm('112040', 'Tracking Unique Identifier');
export const FINDING_CATEGORY = sct('276214006', 'Finding category');
export const FINDING = dcm('121071', 'Finding');
export const ABSENT = dcm('121054', 'Absent');
export const FINDING_SITE = sct('363698007', 'Finding Site');
export const LATERALITY = sct('272741003', 'Laterality');
export const RIGHT = sct('24028007', 'Right');
export const LEFT = sct('7771000', 'Left');
export const BILATERAL = sct('51440002', 'Bilateral');
export const ANATOMICAL_STRUCTURE = sct('91723000', 'Anatomical Structure');
export const LUNG = sct('39607008', 'Lung');
export const ALGORITHM_NAME = dcm('111001', 'Algorithm Name');
export const ALGORITHM_VERSION = dcm('111003', 'Algorithm Version');
export const ALGORITHM_PARAMETERS = dcm('111002', 'Algorithm Parameters');
export const REFERENCED_SEGMENT = dcm('121191', 'Referenced Segment');
export const SOURCE_SERIES = dcm('121232', 'Source series for segmentation');
export const IMAGE_REGION = dcm('111030', 'Image Region');

export const VOLUME = sct('118565006', 'Volume');
export const AREA = sct('42798000', 'Area');
export const ATTENUATION = dcm('112031', 'Attenuation Coefficient');
export const MEASUREMENT_METHOD = sct('370129005', 'Measurement Method');
export const SUM_OF_VOXELS = dcm('126030', 'Sum of segmented voxel method for volume');
export const DERIVATION = dcm('121401', 'Derivation');
export const MEAN = sct('373098007', 'Mean');

export const MILLILITRE = ucum('mL', 'milliliter');
export const SQUARE_MILLIMETRE = ucum('mm2', 'square millimeter');
export const PERCENT = ucum('%', 'Percent');
export const HOUNSFIELD_UNIT = ucum("[hnsf'U]", 'Hounsfield unit');
export const SCORE = ucum('{score}', 'score');

export const QUALITATIVE_EVALUATIONS: Code = {
  value: 'C0034375',
  scheme: 'UMLS',
  meaning: 'Qualitative Evaluations',
};
export const ANALYSIS_PERFORMED = dcm('111004', 'Analysis Performed');
export const OUTCOME = {
  Succeeded: dcm('111222', 'Succeeded'),
  Failed: dcm('111224', 'Failed'),
  'Not Attempted': dcm('111225', 'Not Attempted'),
} as const;
export const COMMENT = dcm('121106', 'Comment');

/** What no public scheme has. The meaning of a value never changes; a new meaning gets a new value. */
const raunet = (value: string, meaning: string): Code => ({ value, scheme: '99RAUNET', meaning });
export const PERCENT_OF_LUNG = raunet('percent-lung', 'Percentage of lung volume');
export const AFFECTED = raunet('affected', 'Affected lung volume (GGO or consolidation), percentage');
export const SEVERITY = raunet('severity', 'Severity score over geometric thirds');
export const ZONES = [
  raunet('zone-upper', 'Severity score, upper geometric third'),
  raunet('zone-middle', 'Severity score, middle geometric third'),
  raunet('zone-lower', 'Severity score, lower geometric third'),
] as const;
export const RATIO_OF_VOLUMES = raunet('volume-ratio', 'Ratio of segmented volumes');
export const BY_AFFECTED_SHARE = raunet(
  'affected-share',
  'Score 0-4 by affected share of each geometric third',
);
export const ENCLOSED_AREA = raunet('enclosed-area', 'Area enclosed by the outline of the largest region');
export const REASON_CODE = raunet('reason', 'Reason for no analysis');

/** Item of Coding Scheme Identification Sequence (PS3.3 Table C.12-1): names the private scheme to its readers. */
export const CODING_SCHEME_IDENTIFICATION = {
  CodingSchemeDesignator: '99RAUNET',
  CodingSchemeName: 'Raunet PACS private concepts',
  CodingSchemeResponsibleOrganization: 'Raunet',
};

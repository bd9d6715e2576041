import type { Code } from '../../config/codes';
import type { PlainDataSet } from '../../dicom/write';

/** One item of a code sequence (PS3.3 Table 8.8-1). */
export const codeItem = ({ value, scheme, meaning }: Code): PlainDataSet => ({
  CodeValue: value,
  CodingSchemeDesignator: scheme,
  CodeMeaning: meaning,
});

export const dcm = (value: string, meaning: string): Code => ({ value, scheme: 'DCM', meaning });
export const sct = (value: string, meaning: string): Code => ({ value, scheme: 'SCT', meaning });
export const ucum = (value: string, meaning: string): Code => ({ value, scheme: 'UCUM', meaning });

/** PS3.16 CID 7162, CID 7005, CID 7203, CID 7202. */
export const ARTIFICIAL_INTELLIGENCE = dcm('123110', 'Artificial Intelligence');
export const PROCESSING_EQUIPMENT = dcm('109102', 'Processing Equipment');
export const SEGMENTATION = dcm('113076', 'Segmentation');
export const SOURCE_IMAGE = dcm('121322', 'Source image for image processing operation');

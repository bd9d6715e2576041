import type { ClassCodes } from '../../config/codes';
import type { PlainDataSet } from '../../dicom/write';
import type { SeriesSummary } from '../../series/types';
import { cieLab } from '../common/cielab';
import { ARTIFICIAL_INTELLIGENCE, codeItem } from '../common/code';
import { algorithmName, algorithmParameters } from '../common/equipment';
import { trackingUid } from '../common/uids';
import type { ResultContext } from '../types';

/** One item of SegmentSequence (PS3.3 Table C.8.20-4), number and tracking as in the report. */
export function segment(
  { index, label, type, region, colour }: ClassCodes,
  summary: SeriesSummary,
  { producer, codes }: ResultContext,
): PlainDataSet {
  return {
    SegmentNumber: index,
    SegmentLabel: label,
    SegmentAlgorithmType: 'AUTOMATIC',
    SegmentAlgorithmName: algorithmName(producer).slice(0, 64),
    SegmentationAlgorithmIdentificationSequence: [
      {
        AlgorithmFamilyCodeSequence: [codeItem(ARTIFICIAL_INTELLIGENCE)],
        AlgorithmName: producer.model.name,
        AlgorithmVersion: producer.model.version,
        AlgorithmParameters: algorithmParameters(producer),
      },
    ],
    SegmentedPropertyCategoryCodeSequence: [codeItem(codes.category)],
    SegmentedPropertyTypeCodeSequence: [codeItem(type)],
    AnatomicRegionSequence: [codeItem(region)],
    RecommendedDisplayCIELabValue: cieLab(colour),
    TrackingID: label,
    TrackingUID: trackingUid(summary, label),
  };
}

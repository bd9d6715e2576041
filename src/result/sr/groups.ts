import type { ClassCodes, Code } from '../../config/codes';
import type { PlainDataSet } from '../../dicom/write';
import type { LungMeasurement, Measurements, Side } from '../../mask/types';
import type { SeriesSummary } from '../../series/types';
import { algorithmParameters } from '../common/equipment';
import { trackingUid } from '../common/uids';
import type { Analysis, EncodedObject, ResultContext } from '../types';
import * as c from './codes';
import { code, contains, container, hasConceptMod, hasObsContext, image, text, uidref } from './content-item';
import { classNumbers, findingSite, percentage, SIDES, score, volume } from './measurements';

/** Measurement groups in their order: what was found, what was looked for and is absent, then the lungs. */
export function measurementGroups(
  { series, measurements }: Analysis,
  seg: EncodedObject | null,
  context: ResultContext,
): PlainDataSet[] {
  const byClass = context.codes.classes.map((codes, i) => {
    const head = classHead(codes, series.summary, context);
    const numbers = classNumbers(measurements.classes[i]!, codes.region);
    const found = measurements.classes[i]!.voxels > 0;
    return found && seg !== null
      ? segmentGroup([...head, ...segmentReference(seg, codes.index, series.summary)], numbers)
      : absentGroup(head, numbers, codes, found);
  });
  return [...byClass, ...lungGroups(measurements, series.summary)].map(contains);
}

/** PS3.16 TID 1411: a group that is drawn by a segment. */
const segmentGroup = (head: PlainDataSet[], numbers: PlainDataSet[]) =>
  container(c.MEASUREMENT_GROUP, [...head, ...numbers], '1411');

/** PS3.16 TID 1501: a class without a segment, with the answer as a qualitative evaluation. */
const absentGroup = (head: PlainDataSet[], numbers: PlainDataSet[], { type }: ClassCodes, found: boolean) =>
  container(
    c.MEASUREMENT_GROUP,
    [...head, ...numbers, ...(found ? [] : [contains(code(type, c.ABSENT))])],
    '1501',
  );

/** Rows that both templates share: tracking, finding and site, and the algorithm (PS3.16 TID 4019). */
function classHead(
  { label, type, region }: ClassCodes,
  summary: SeriesSummary,
  { codes, producer }: ResultContext,
): PlainDataSet[] {
  return [
    ...tracking(label, summary),
    contains(code(c.FINDING_CATEGORY, codes.category)),
    contains(code(c.FINDING, type)),
    findingSite(region),
    hasConceptMod(text(c.ALGORITHM_NAME, producer.model.name)),
    hasConceptMod(text(c.ALGORITHM_VERSION, producer.model.version)),
    hasConceptMod(text(c.ALGORITHM_PARAMETERS, algorithmParameters(producer))),
  ];
}

export const tracking = (what: string, summary: SeriesSummary): PlainDataSet[] => [
  hasObsContext(text(c.TRACKING_IDENTIFIER, what)),
  hasObsContext(uidref(c.TRACKING_UID, trackingUid(summary, what))),
];

const segmentReference = (seg: EncodedObject, segment: number, { seriesUid }: SeriesSummary) => [
  contains(image(c.REFERENCED_SEGMENT, seg, { ReferencedSegmentNumber: segment })),
  contains(uidref(c.SOURCE_SERIES, seriesUid)),
];

/** PS3.16 TID 1501 for each lung and both; none without a trusted lung mask. */
function lungGroups({ lungs }: Measurements, summary: SeriesSummary) {
  if (lungs === null) return [];
  return [
    ...SIDES.map((side) => lungGroup(side, lungs[side], summary, zones(lungs[side]))),
    lungGroup('total', lungs.total, summary, [score(c.SEVERITY, lungs.severityScore)]),
  ];
}

const LUNG_LABEL: Record<Side | 'total', string> = {
  right: 'Right lung',
  left: 'Left lung',
  total: 'Both lungs',
};

function lungGroup(
  side: Side | 'total',
  { volumeMl, affectedPercent }: LungMeasurement,
  summary: SeriesSummary,
  scores: PlainDataSet[],
) {
  return container(
    c.MEASUREMENT_GROUP,
    [
      ...tracking(LUNG_LABEL[side], summary),
      contains(code(c.FINDING_CATEGORY, c.ANATOMICAL_STRUCTURE)),
      contains(code(c.FINDING, c.LUNG)),
      findingSite(c.LUNG, side),
      volume(volumeMl),
      percentage(c.AFFECTED, affectedPercent),
      ...scores,
    ],
    '1501',
  );
}

/** The three thirds of one lung, apex to base, and their sum. */
function zones({ zoneScores }: LungMeasurement): PlainDataSet[] {
  const sum = zoneScores.reduce((total, each) => total + each, 0);
  return [...zoneScores.map((value, i) => score(c.ZONES[i] as Code, value)), score(c.SEVERITY, sum)];
}

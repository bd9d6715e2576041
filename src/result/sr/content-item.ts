import type { Code } from '../../config/codes';
import { decimalString, type PlainDataSet } from '../../dicom/write';
import { codeItem } from '../common/code';
import { type InstanceReference, sopReference } from '../common/references';

/** One node of an SR content tree (PS3.3 C.17.3), as yet without its relationship to the parent. */
export type ContentItem = PlainDataSet & { ValueType: string };

const item = (
  ValueType: string,
  name: Code,
  value: PlainDataSet,
  children: readonly PlainDataSet[] = [],
): ContentItem => ({
  ValueType,
  ConceptNameCodeSequence: [codeItem(name)],
  ...value,
  ContentSequence: children.length > 0 ? children : undefined,
});

/** `template`: TID of PS3.16 that the children follow, where a reader may want to know. */
export const container = (name: Code, children: readonly PlainDataSet[], template?: string): ContentItem => {
  const follows = template && [{ MappingResource: 'DCMR', TemplateIdentifier: template }];
  return item(
    'CONTAINER',
    name,
    { ContinuityOfContent: 'SEPARATE', ContentTemplateSequence: follows || undefined },
    children,
  );
};

export const code = (name: Code, value: Code, children?: readonly PlainDataSet[]): ContentItem =>
  item('CODE', name, { ConceptCodeSequence: [codeItem(value)] }, children);

export const text = (name: Code, value: string): ContentItem => item('TEXT', name, { TextValue: value });

export const uidref = (name: Code, value: string): ContentItem => item('UIDREF', name, { UID: value });

/** A measured number. Some viewers read the first child of every NUM without looking: there is always one. */
export const num = (
  name: Code,
  value: number,
  unit: Code,
  children: readonly [PlainDataSet, ...PlainDataSet[]],
): ContentItem =>
  item(
    'NUM',
    name,
    {
      MeasuredValueSequence: [
        { NumericValue: decimalString(value), MeasurementUnitsCodeSequence: [codeItem(unit)] },
      ],
    },
    children,
  );

/** `of`: e.g. `{ ReferencedSegmentNumber: 2 }` or `{ ReferencedFrameNumber: 7 }` (PS3.3 Table C.18.4-1). */
export const image = (name: Code, instance: InstanceReference, of: PlainDataSet = {}): ContentItem =>
  item('IMAGE', name, { ReferencedSOPSequence: [{ ...sopReference(instance), ...of }] });

/** points: [column, row, column, row, ...] in pixels, (0, 0) the outer corner of the first pixel (PS3.3 C.18.6.1.1). */
export const polyline = (
  name: Code,
  points: readonly number[],
  children: readonly PlainDataSet[],
): ContentItem => item('SCOORD', name, { GraphicType: 'POLYLINE', GraphicData: points }, children);

/** Relationships to the parent (PS3.3 Table C.17.3-8). */
const related = (RelationshipType: string) => (child: ContentItem) => ({ RelationshipType, ...child });
export const contains = related('CONTAINS');
export const hasConceptMod = related('HAS CONCEPT MOD');
export const hasObsContext = related('HAS OBS CONTEXT');
export const hasAcqContext = related('HAS ACQ CONTEXT');
export const selectedFrom = related('SELECTED FROM');

import type { PlainDataSet } from '../../dicom/write';
import type { Slice } from '../../series/types';
import { codeItem, SOURCE_IMAGE } from './code';

/** One SOP instance as references name it. */
export interface InstanceReference {
  sopClassUid: string;
  sopInstanceUid: string;
}

/** The instances that hold the slices, each once, in their order: an Enhanced CT has many slices in one. */
export function instancesOf(slices: readonly Slice[]): InstanceReference[] {
  const byUid = new Map<string, InstanceReference>();
  for (const { sopClassUid, sopInstanceUid } of slices)
    if (!byUid.has(sopInstanceUid)) byUid.set(sopInstanceUid, { sopClassUid, sopInstanceUid });
  return [...byUid.values()];
}

/** SOP Instance Reference Macro (PS3.3 Table 10-11). */
export const sopReference = ({ sopClassUid, sopInstanceUid }: InstanceReference): PlainDataSet => ({
  ReferencedSOPClassUID: sopClassUid,
  ReferencedSOPInstanceUID: sopInstanceUid,
});

/** Image SOP Instance Reference Macro (PS3.3 Table 10-3): with the frame where the instance has several. */
export const imageReference = (slice: Slice): PlainDataSet => ({
  ...sopReference(slice),
  ReferencedFrameNumber: slice.frameNumber ?? undefined,
});

/** One item of SourceImageSequence. `preserved`: the result lies on the very pixels of the source (PS3.3 C.7.6.16.2.6). */
export const sourceImage = (slice: Slice, preserved: boolean): PlainDataSet => ({
  ...imageReference(slice),
  PurposeOfReferenceCodeSequence: [codeItem(SOURCE_IMAGE)],
  SpatialLocationsPreserved: preserved ? 'YES' : 'NO',
});

/** Common Instance Reference Module (PS3.3 C.12.2): OHIF finds the CT of a SEG by it. */
export const referencedSeries = (seriesUid: string, slices: readonly Slice[]): PlainDataSet => ({
  ReferencedSeriesSequence: [
    { SeriesInstanceUID: seriesUid, ReferencedInstanceSequence: instancesOf(slices).map(sopReference) },
  ],
});

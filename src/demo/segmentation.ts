import { DataSet } from '../dicom/data-set';
import { parsePart10 } from '../dicom/read';

/** Class index per pixel of each source instance that has findings, by its SOP Instance UID; row-major. */
export type FoundMasks = Map<string, Uint8Array>;

/** Reads a BINARY segmentation (PS3.3 C.8.20.2) of single-frame sources back to class indices. */
export function readSegmentation(bytes: Uint8Array): FoundMasks {
  const { parsed } = parsePart10(bytes);
  const segmentation = new DataSet(parsed);
  const pixels = (segmentation.number('Rows') ?? 0) * (segmentation.number('Columns') ?? 0);
  const element = parsed.elements['x7fe00010'];
  if (element === undefined) throw new Error('the segmentation has no pixel data');
  const masks: FoundMasks = new Map();
  segmentation.items('PerFrameFunctionalGroupsSequence').forEach((frame, f) => {
    const segment = frame.item('SegmentIdentificationSequence')?.number('ReferencedSegmentNumber') ?? 0;
    const source = frame
      .item('DerivationImageSequence')
      ?.item('SourceImageSequence')
      ?.string('ReferencedSOPInstanceUID');
    if (!source) throw new Error(`frame ${f + 1} of the segmentation names no source image`);
    const mask = masks.get(source) ?? new Uint8Array(pixels);
    // PS3.5 8.1.1: bits follow each other without padding between frames, least significant bit first.
    for (let i = 0, bit = f * pixels; i < pixels; i += 1, bit += 1)
      if (((parsed.byteArray[element.dataOffset + Math.floor(bit / 8)]! >> (bit % 8)) & 1) === 1)
        mask[i] = segment;
    masks.set(source, mask);
  });
  return masks;
}

/** Voxels of one class: found, true, and both. */
export interface Overlap {
  found: number;
  truth: number;
  both: number;
}

/** What was found against what is there, for classes 1 to 3. */
export function compare(found: FoundMasks, truth: ReadonlyMap<string, Uint8Array>): Overlap[] {
  const overlaps: Overlap[] = [1, 2, 3].map(() => ({ found: 0, truth: 0, both: 0 }));
  for (const [source, wanted] of truth) {
    const got = found.get(source);
    for (let i = 0; i < wanted.length; i += 1) {
      const [is, says] = [wanted[i]!, got?.[i] ?? 0];
      if (is > 0) overlaps[is - 1]!.truth += 1;
      if (says > 0) overlaps[says - 1]!.found += 1;
      if (is > 0 && is === says) overlaps[is - 1]!.both += 1;
    }
  }
  return overlaps;
}

/** 2 |A and B| / (|A| + |B|); null where both are empty. */
export const dice = ({ found, truth, both }: Overlap): number | null =>
  found + truth === 0 ? null : (2 * both) / (found + truth);

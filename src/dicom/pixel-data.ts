import type * as dicomParser from 'dicom-parser';
import type { Parsed } from './data-set';
import { parsePart10 } from './read';

/** Uncompressed pixels of all frames, one after the other. */
export interface NativePixels {
  kind: 'native';
  bytes: Uint8Array;
  littleEndian: boolean;
}

/** Compressed pixels (PS3.5 A.4): fragments of all frames, and where frames begin if the file tells. */
export interface EncapsulatedPixels {
  kind: 'encapsulated';
  fragments: readonly Uint8Array[];
  /** Of each fragment's item tag from that of the first. */
  fragmentOffsets: readonly number[];
  /** Basic or Extended Offset Table: of each frame's first item tag from that of the first. [] where empty. */
  frameOffsets: readonly number[];
}

export type PixelData = NativePixels | EncapsulatedPixels;

/**
 * PixelData of a PS3.10 file in memory, as views on it. Throws RAUNET_UNREADABLE where the data set does not parse,
 * and an Error that says what is wrong where PixelData is absent, cut short or not in the form of its syntax.
 */
export function readPixelData(bytes: Uint8Array): PixelData & { transferSyntaxUid: string } {
  const { transferSyntaxUid, parsed, littleEndian } = parsePart10(bytes);
  const element = parsed.elements['x7fe00010'];
  if (element === undefined) throw new Error('there is no PixelData');
  if (element.encapsulatedPixelData === true)
    return { transferSyntaxUid, kind: 'encapsulated', ...encapsulated(parsed, element) };
  return {
    transferSyntaxUid,
    kind: 'native',
    bytes: part(parsed, element.dataOffset, element.length),
    littleEndian,
  };
}

function encapsulated(parsed: Parsed, element: dicomParser.Element): Omit<EncapsulatedPixels, 'kind'> {
  const fragments = element.fragments ?? [];
  const extended = extendedOffsets(parsed);
  return {
    fragments: fragments.map(({ position, length }) => part(parsed, position, length)),
    fragmentOffsets: fragments.map(({ offset }) => offset),
    frameOffsets: extended.length > 0 ? extended : (element.basicOffsetTable ?? []),
  };
}

/** ExtendedOffsetTable (PS3.3 C.7.6.3.1.8): 64-bit offsets. */
function extendedOffsets(parsed: Parsed): number[] {
  const element = parsed.elements['x7fe00001'];
  if (element === undefined) return [];
  const bytes = part(parsed, element.dataOffset, element.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / 8) }, (_, i) =>
    Number(view.getBigUint64(8 * i, true)),
  );
}

function part({ byteArray }: Parsed, start: number, length: number): Uint8Array {
  if (start + length > byteArray.length)
    throw new Error(`PixelData is cut short by ${start + length - byteArray.length} bytes`);
  return byteArray.subarray(start, start + length);
}

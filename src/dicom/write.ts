import { deflateRawSync } from 'node:zlib';
import { data } from 'dcmjs';
import { tagOf } from './tags';
import { IMPLEMENTATION, TRANSFER_SYNTAX } from './uids';

/**
 * A data set to be written: PS3.6 keyword -> value, in any order; the VR is the dictionary's.
 *
 * - text, DS and IS strings are written as they are (a `\` separates values); an array is multi-valued
 * - numbers in DS become at most 16 characters (`decimalString`)
 * - AT: keywords, e.g. `DimensionIndexPointer: 'ImagePositionPatient'`
 * - null, '' or []: present and empty (type 2); undefined: left out
 * - SQ: array of data sets; OB, OW: Uint8Array, little endian; encapsulated PixelData: one Uint8Array for each frame
 *
 * @example
 * writePart10({
 *   sopClassUid: SOP_CLASS.segmentation,
 *   sopInstanceUid: '2.25.1',
 *   transferSyntaxUid: TRANSFER_SYNTAX.explicitLittleEndian,
 *   dataset: {
 *     PatientName: 'Doe^Jane',
 *     PatientBirthDate: null,
 *     ImagePositionPatient: ['-100.5', '-98', '1.25'],
 *     SegmentSequence: [{ SegmentNumber: 1, SegmentLabel: 'Consolidation' }],
 *     PixelData: new Uint8Array(64),
 *   },
 * });
 */
export interface PlainDataSet {
  [keyword: string]: PlainValue;
}

export type PlainValue =
  | string
  | number
  | Uint8Array
  | null
  | undefined
  | readonly (string | number)[]
  | readonly Uint8Array[]
  | readonly PlainDataSet[];

export interface Part10 {
  sopClassUid: string;
  sopInstanceUid: string;
  transferSyntaxUid: string;
  dataset: PlainDataSet;
}

/** Lengths of copied values are the source's affair; dcmjs would throw with the value in the message. */
const WRITE_OPTIONS = { allowInvalidVRLength: true, fragmentMultiframe: false };

/**
 * Encodes a data set as a PS3.10 file: Explicit VR Little Endian, Deflated, or Explicit VR with encapsulated
 * PixelData. Text is UTF-8 (SpecificCharacterSet ISO_IR 192); SOPClassUID and SOPInstanceUID are filled in.
 * Throws on an unknown keyword, and on Implicit VR and Big Endian.
 */
export function writePart10({ sopClassUid, sopInstanceUid, transferSyntaxUid, dataset }: Part10): Buffer {
  if (
    transferSyntaxUid === TRANSFER_SYNTAX.implicitLittleEndian ||
    transferSyntaxUid === TRANSFER_SYNTAX.explicitBigEndian
  )
    throw new Error(`transfer syntax ${transferSyntaxUid} is not written`);
  const deflated = transferSyntaxUid === TRANSFER_SYNTAX.deflatedExplicitLittleEndian;
  const body = encodeDataSet(
    {
      ...dataset,
      SpecificCharacterSet: 'ISO_IR 192',
      SOPClassUID: sopClassUid,
      SOPInstanceUID: sopInstanceUid,
    },
    deflated ? TRANSFER_SYNTAX.explicitLittleEndian : transferSyntaxUid,
  );
  // PS3.10 7.1: group 2 is always Explicit VR Little Endian.
  const meta = encodeDataSet(
    {
      FileMetaInformationVersion: Uint8Array.of(0, 1),
      MediaStorageSOPClassUID: sopClassUid,
      MediaStorageSOPInstanceUID: sopInstanceUid,
      TransferSyntaxUID: transferSyntaxUid,
      ImplementationClassUID: IMPLEMENTATION.classUid,
      ImplementationVersionName: IMPLEMENTATION.versionName,
    },
    TRANSFER_SYNTAX.explicitLittleEndian,
  );
  const groupLength = encodeDataSet(
    { FileMetaInformationGroupLength: meta.length },
    TRANSFER_SYNTAX.explicitLittleEndian,
  );
  const parts = [Buffer.alloc(128), Buffer.from('DICM'), groupLength, meta];
  return Buffer.concat([...parts, deflated ? evenLength(deflateRawSync(body)) : body]);
}

/** A number as DS: the most digits that 16 characters hold (PS3.5 6.2). */
export function decimalString(value: number): string {
  if (!Number.isFinite(value)) throw new Error(`${value} is no decimal string`);
  if (String(value).length <= 16) return String(value);
  for (let digits = 15; digits > 0; digits--) {
    const rounded = Number(value.toPrecision(digits));
    const text = [String(rounded), rounded.toExponential()].find((each) => each.length <= 16);
    if (text !== undefined) return text;
  }
  throw new Error(`${value} does not fit a decimal string`);
}

/** A data set without file meta information, as a DIMSE message carries it: Implicit or Explicit VR Little Endian. */
export function encodeDataSet(dataset: PlainDataSet, transferSyntaxUid: string): Buffer {
  const stream = new data.WriteBufferStream(65536, true);
  data.DicomMessage.write(toJson(dataset, dataset), stream, transferSyntaxUid, WRITE_OPTIONS);
  return Buffer.from(stream.getBuffer() as ArrayBuffer);
}

type DicomJson = Parameters<typeof data.DicomMessage.write>[0];

function toJson(dataset: PlainDataSet, root: PlainDataSet): DicomJson {
  const json: DicomJson = {};
  for (const [keyword, value] of Object.entries(dataset)) {
    if (value === undefined) continue;
    const tag = tagOf(keyword);
    const vr = writtenVr(tag.vr, root);
    json[tag.hex] = { vr, Value: values(value).map((each) => toDcmjs(vr, each, root)) };
  }
  return json;
}

/** PS3.5 A.2 and PS3.6: the two VRs that depend on the image. */
function writtenVr(vr: string, root: PlainDataSet): string {
  if (vr === 'xs') return root['PixelRepresentation'] === 1 ? 'SS' : 'US';
  if (vr === 'ox')
    return Number(root['BitsAllocated']) > 8 && !Array.isArray(root['PixelData']) ? 'OW' : 'OB';
  return vr;
}

function values(value: Exclude<PlainValue, undefined>): readonly unknown[] {
  if (value === null || value === '') return [];
  return Array.isArray(value) ? value : [value];
}

function toDcmjs(vr: string, value: unknown, root: PlainDataSet): unknown {
  if (vr === 'SQ') return toJson(value as PlainDataSet, root);
  if (vr === 'AT') return Number.parseInt(tagOf(value as string).hex, 16);
  if (value instanceof Uint8Array)
    return value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength);
  if (typeof value !== 'number') return value;
  if (vr === 'DS') return decimalString(value);
  return vr === 'IS' ? String(value) : value;
}

/** PS3.5 A.5: a deflated data set of odd length ends with one more zero byte. */
function evenLength(bytes: Buffer): Buffer {
  return bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(1)]);
}

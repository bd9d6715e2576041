import { open } from 'node:fs/promises';
import { constants, inflateRawSync } from 'node:zlib';
import { RaunetError } from '../lib/errors';
import { DataSet, type Parsed } from './data-set';
import { readMeta } from './meta';
import { parseElements } from './parse';
import { TRANSFER_SYNTAX } from './uids';

export interface DicomFile {
  transferSyntaxUid: string;
  dataset: DataSet;
}

/** Enough for the header of nearly every CT; longer ones are read again, eight times as far each time. */
const HEADER_BYTES = 64 * 1024;
/** No CT instance inflates to more; a bomb does. */
const MAX_INFLATED_BYTES = 2 ** 30;
/** Nor a header. */
const MAX_INFLATED_HEADER_BYTES = 2 ** 26;
/** Of a deflated file, for its header: four megabytes at most come of them. Longer ones are tried again, eight times as far. */
const DEFLATED_HEADER_BYTES = 4096;
const PIXEL_DATA = 'x7fe00010';

/** Header of a PS3.10 file in memory: everything before PixelData. Throws RAUNET_UNREADABLE. */
export function readHeader(bytes: Uint8Array): DicomFile {
  const { transferSyntaxUid, parsed } = parsePart10(bytes, PIXEL_DATA);
  return { transferSyntaxUid, dataset: new DataSet(parsed) };
}

/** As `readHeader`, of a file on disk, without reading its pixels where the header is small. */
export async function readHeaderOfFile(file: string): Promise<DicomFile> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    for (let length = HEADER_BYTES; ; length *= 8) {
      const bytes = Buffer.alloc(Math.min(length, size));
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
      const whole = bytes.length === size;
      const header = tryHeader(bytes.subarray(0, bytesRead), whole);
      if (header !== null) return header;
    }
  } finally {
    await handle.close();
  }
}

/** Null: the part may end within the header. Elements cut short parse without a word, so only PixelData proves the end. */
function tryHeader(bytes: Uint8Array, whole: boolean): DicomFile | null {
  if (whole) return readHeader(bytes);
  try {
    const header = readHeader(bytes);
    return header.dataset.has('PixelData') ? header : null;
  } catch {
    return null;
  }
}

/** A data set without file meta information, as a DIMSE message carries it. Throws RAUNET_UNREADABLE. */
export const readDataSet = (bytes: Uint8Array, transferSyntaxUid: string): DataSet =>
  new DataSet(legibly(() => parseBody(bytes, transferSyntaxUid)));

/** A parsed PS3.10 file. `untilTag`: parse no further, as `xGGGGEEEE`. Throws RAUNET_UNREADABLE. */
export function parsePart10(
  bytes: Uint8Array,
  untilTag?: string,
): { transferSyntaxUid: string; parsed: Parsed; littleEndian: boolean } {
  return legibly(() => {
    const { transferSyntaxUid, end } = readMeta(bytes);
    const littleEndian = transferSyntaxUid !== TRANSFER_SYNTAX.explicitBigEndian;
    return {
      transferSyntaxUid,
      parsed: parseBody(bytes.subarray(end), transferSyntaxUid, untilTag),
      littleEndian,
    };
  });
}

function parseBody(bytes: Uint8Array, transferSyntaxUid: string, untilTag?: string): Parsed {
  if (transferSyntaxUid !== TRANSFER_SYNTAX.deflatedExplicitLittleEndian)
    return parseElements(bytes, transferSyntaxUid, untilTag);
  if (untilTag === undefined)
    return parseElements(inflateRawSync(bytes, { maxOutputLength: MAX_INFLATED_BYTES }), transferSyntaxUid);
  // A few bytes may inflate to gigabytes: no further than the header needs.
  for (let length = DEFLATED_HEADER_BYTES; length < bytes.length; length *= 8) {
    const parsed = parsedStart(bytes.subarray(0, length), transferSyntaxUid, untilTag);
    if (parsed?.elements[untilTag] !== undefined) return parsed;
  }
  const header = inflateRawSync(bytes, { maxOutputLength: MAX_INFLATED_HEADER_BYTES });
  return parseElements(header, transferSyntaxUid, untilTag);
}

/** Null: what these bytes inflate to ends within an element. */
function parsedStart(bytes: Uint8Array, transferSyntaxUid: string, untilTag: string): Parsed | null {
  try {
    const start = inflateRawSync(bytes, {
      maxOutputLength: MAX_INFLATED_HEADER_BYTES,
      finishFlush: constants.Z_SYNC_FLUSH,
    });
    return parseElements(start, transferSyntaxUid, untilTag);
  } catch {
    return null;
  }
}

function legibly<T>(parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (cause instanceof RaunetError) throw cause;
    // dicom-parser throws strings; they name offsets, never values.
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new RaunetError('RAUNET_UNREADABLE', { detail }, { cause });
  }
}

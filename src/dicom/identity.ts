import { constants, inflateRawSync } from 'node:zlib';
import type { Parsed } from './data-set';
import { readMeta } from './meta';
import { parseElements } from './parse';
import { TRANSFER_SYNTAX } from './uids';

/** What places an instance: PS3.3 C.12.1, C.7.2.1, C.7.3.1. Null where the data set does not have it. */
export interface Identity {
  sopClassUid: string | null;
  sopInstanceUid: string | null;
  studyUid: string | null;
  seriesUid: string | null;
  modality: string | null;
}

/** What a cut-off file could be parsed to. */
type Start = Pick<Parsed, 'byteArray' | 'elements'>;

const SERIES_INSTANCE_UID = 'x0020000e';

/** A little deflated input can become very much output; what we look for lies in front. */
const INFLATED_LIMIT = 16 * 1024 * 1024;

/**
 * Reads the identity from the first bytes of a Part 10 file, in whatever transfer syntax its group 2 names.
 * Returns null where the bytes do not reach SeriesInstanceUID, or cannot be parsed up to it.
 */
export function readIdentity(head: Buffer): Identity | null {
  const dataSet = parseUpToSeries(head);
  if (dataSet === null) return null;
  try {
    return {
      sopClassUid: textOf(dataSet, 'x00080016'),
      sopInstanceUid: textOf(dataSet, 'x00080018'),
      studyUid: textOf(dataSet, 'x0020000d'),
      seriesUid: textOf(dataSet, SERIES_INSTANCE_UID),
      modality: textOf(dataSet, 'x00080060'),
    };
  } catch {
    return null; // the last value is cut off
  }
}

/**
 * The value as `DataSet.string` will read it at the analysis: dicom-parser's own ends at the first NUL, and what is
 * behind it would be kept under the UID of another series.
 */
function textOf({ byteArray, elements }: Start, tag: string): string | null {
  const element = elements[tag];
  if (element === undefined) return null;
  const { dataOffset, length } = element;
  if (dataOffset + length > byteArray.length) throw new Error('cut off');
  const text = Buffer.from(byteArray.buffer, byteArray.byteOffset + dataOffset, length).toString('latin1');
  return text.split('\\')[0]!.replace(/^ +|[\0 ]+$/g, '') || null;
}

/** Elements ascend by tag (PS3.5 7.1): once SeriesInstanceUID or one beyond it was seen, nothing is missed. */
function parseUpToSeries(head: Buffer): Start | null {
  const dataSet = parse(head);
  const tags = Object.keys(dataSet?.elements ?? {});
  return dataSet !== null && tags.some((tag) => tag >= SERIES_INSTANCE_UID) ? dataSet : null;
}

/**
 * What could be parsed before the end of the bytes, or before an error. The data set begins where `readHeader` lets it
 * begin: dicom-parser's own way into a file counts elements of group 0 at its start to the file meta information.
 */
function parse(head: Buffer): Start | null {
  try {
    const { transferSyntaxUid, end } = readMeta(head);
    const body =
      transferSyntaxUid === TRANSFER_SYNTAX.deflatedExplicitLittleEndian
        ? inflated(head.subarray(end))
        : head.subarray(end);
    const elements: Start['elements'] = {};
    try {
      parseElements(body, transferSyntaxUid, SERIES_INSTANCE_UID, elements);
    } catch {
      // the rest is cut off, or is none
    }
    return { byteArray: body, elements };
  } catch {
    return null;
  }
}

/** PS3.5 A.5, of a stream that may be cut off. */
const inflated = (body: Uint8Array): Buffer =>
  inflateRawSync(body, {
    finishFlush: constants.Z_SYNC_FLUSH,
    maxOutputLength: INFLATED_LIMIT,
  });

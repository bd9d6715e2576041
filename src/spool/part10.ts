import type { InstanceMeta } from '../association/types';
import { IMPLEMENTATION } from '../dicom/uids';

const PREAMBLE = 128;
/** Preamble, "DICM", (0002,0000) UL 4. */
const GROUP_LENGTH_END = PREAMBLE + 4 + 12;

/** Preamble, prefix and group 2 in explicit little endian, as they stand before the data set. The same meta, the same bytes. */
export function encodeFileMeta(meta: InstanceMeta): Buffer {
  const elements = Buffer.concat([
    // (0002,0001) OB: two reserved bytes and a four-byte length; version 00\01
    Buffer.from([0x02, 0x00, 0x01, 0x00, 0x4f, 0x42, 0, 0, 2, 0, 0, 0, 0x00, 0x01]),
    shortElement(0x0002, 'UI', meta.sopClassUid),
    shortElement(0x0003, 'UI', meta.sopInstanceUid),
    shortElement(0x0010, 'UI', meta.transferSyntaxUid),
    shortElement(0x0012, 'UI', IMPLEMENTATION.classUid),
    shortElement(0x0013, 'SH', IMPLEMENTATION.versionName),
    // Sending and Receiving Application Entity Title: a database rebuilt from the spool knows whom to answer.
    shortElement(0x0017, 'AE', meta.callingAe),
    shortElement(0x0018, 'AE', meta.calledAe),
  ]);
  const head = Buffer.alloc(GROUP_LENGTH_END);
  head.write('DICM', PREAMBLE, 'latin1');
  head.set([0x02, 0x00, 0x00, 0x00, 0x55, 0x4c, 4, 0], PREAMBLE + 4); // (0002,0000) UL
  head.writeUInt32LE(elements.length, GROUP_LENGTH_END - 4);
  return Buffer.concat([head, elements]);
}

/**
 * Reads back what encodeFileMeta wrote; null where the bytes are no such file. An AE title that is not there is empty.
 * `dataSetOffset` in bytes.
 */
export function decodeFileMeta(head: Buffer): (InstanceMeta & { dataSetOffset: number }) | null {
  if (head.length < GROUP_LENGTH_END || head.toString('latin1', PREAMBLE, PREAMBLE + 4) !== 'DICM')
    return null;
  const dataSetOffset = GROUP_LENGTH_END + head.readUInt32LE(GROUP_LENGTH_END - 4);
  if (head.length < dataSetOffset) return null;
  const values = new Map<number, string>();
  for (let at = GROUP_LENGTH_END + 14; at + 8 <= dataSetOffset; ) {
    const end = at + 8 + head.readUInt16LE(at + 6);
    values.set(head.readUInt16LE(at + 2), head.toString('latin1', at + 8, end).replace(/[\0 ]+$/, ''));
    at = end;
  }
  const [sopClassUid, sopInstanceUid, transferSyntaxUid] = [0x0002, 0x0003, 0x0010].map((e) => values.get(e));
  if (!sopClassUid || !sopInstanceUid || !transferSyntaxUid) return null;
  const [callingAe = '', calledAe = ''] = [0x0017, 0x0018].map((e) => values.get(e));
  return { sopClassUid, sopInstanceUid, transferSyntaxUid, callingAe, calledAe, dataSetOffset };
}

/** Element of group 2 with a two-byte length (PS3.5 Table 7.1-2), padded to even length: UI with NUL, text with a space. */
function shortElement(element: number, vr: 'UI' | 'SH' | 'AE', text: string): Buffer {
  const padded = text.length % 2 === 0 ? text : text + (vr === 'UI' ? '\0' : ' ');
  const head = Buffer.from([
    0x02,
    0x00,
    element,
    0x00,
    vr.charCodeAt(0),
    vr.charCodeAt(1),
    padded.length,
    0x00,
  ]);
  return Buffer.concat([head, Buffer.from(padded, 'latin1')]);
}

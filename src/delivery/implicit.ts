import { LONG_VRS } from '../dicom/meta';

const UNDEFINED = 0xffffffff;

/** Tags as they stand in the bytes, little endian pairs read as group << 16 | element. */
const ITEM = 0xfffee000;
const ITEM_END = 0xfffee00d;
const SEQUENCE_END = 0xfffee0dd;

/**
 * Explicit to implicit VR little endian (PS3.5 A.1, A.2): values stay as they are byte for byte, only element heads
 * change; sequences and items come out with undefined length. Throws on what cannot be carried over
 * safely: encapsulated pixel data, UN of undefined length, broken lengths.
 */
export function toImplicit(explicit: Buffer): Buffer {
  const out: Buffer[] = [];
  const end = elements(explicit, 0, explicit.length, out);
  if (end !== explicit.length) throw new Error('data set ends early');
  return Buffer.concat(out);
}

/** Copies elements from `at` to `end`, or to the delimiter of an item of undefined length. Returns where it stopped. */
function elements(bytes: Buffer, at: number, end: number, out: Buffer[]): number {
  while (at < end) {
    const tag = tagAt(bytes, at);
    if (tag === ITEM_END) return at;
    const vr = bytes.toString('latin1', at + 4, at + 6);
    if (!/^[A-Z]{2}$/.test(vr)) throw new Error(`no explicit VR at byte ${at}`);
    const value = at + (LONG_VRS.has(vr) ? 12 : 8);
    const length = LONG_VRS.has(vr) ? bytes.readUInt32LE(at + 8) : bytes.readUInt16LE(at + 6);
    if (vr === 'SQ') {
      out.push(head(tag, UNDEFINED));
      at = items(bytes, value, length === UNDEFINED ? end : value + length, length === UNDEFINED, out);
      out.push(head(SEQUENCE_END, 0));
      continue;
    }
    if (length === UNDEFINED) throw new Error(`${vr} of undefined length at byte ${at}`);
    if (value + length > end) throw new Error(`length beyond its container at byte ${at}`);
    out.push(head(tag, length), bytes.subarray(value, value + length));
    at = value + length;
  }
  return at;
}

function items(bytes: Buffer, at: number, end: number, delimited: boolean, out: Buffer[]): number {
  while (at < end) {
    const tag = tagAt(bytes, at);
    const length = bytes.readUInt32LE(at + 4);
    at += 8;
    if (delimited && tag === SEQUENCE_END) return at;
    if (tag !== ITEM) throw new Error(`no sequence item at byte ${at - 8}`);
    out.push(head(ITEM, UNDEFINED));
    const itemEnd = length === UNDEFINED ? end : at + length;
    if (itemEnd > end) throw new Error(`item beyond its sequence at byte ${at - 8}`);
    at = elements(bytes, at, itemEnd, out);
    if (length === UNDEFINED) {
      if (at >= end || tagAt(bytes, at) !== ITEM_END) throw new Error('item without its end');
      at += 8;
    }
    out.push(head(ITEM_END, 0));
  }
  if (delimited) throw new Error('sequence without its end');
  return at;
}

const tagAt = (bytes: Buffer, at: number): number =>
  bytes.readUInt16LE(at) * 0x10000 + bytes.readUInt16LE(at + 2);

/** Implicit VR element head: tag and length, 8 bytes. */
function head(tag: number, length: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeUInt16LE(Math.floor(tag / 0x10000), 0);
  buffer.writeUInt16LE(tag % 0x10000, 2);
  buffer.writeUInt32LE(length, 4);
  return buffer;
}

/** VRs with a 32-bit length (PS3.5 7.1.2). */
export const LONG_VRS = new Set([
  'OB',
  'OD',
  'OF',
  'OL',
  'OV',
  'OW',
  'SQ',
  'SV',
  'UC',
  'UN',
  'UR',
  'UT',
  'UV',
]);

/**
 * File meta information (PS3.10 7.1): transfer syntax, instance (null where it is left out) and the offset at which the
 * data set begins.
 * Some writers leave out the preamble or encode group 2 in Implicit VR: read too. Throws where there is none.
 */
export function readMeta(bytes: Uint8Array): {
  transferSyntaxUid: string;
  sopInstanceUid: string | null;
  end: number;
} {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = ascii(bytes, 128, 4) === 'DICM' ? 132 : 0;
  let transferSyntaxUid: string | null = null;
  let sopInstanceUid: string | null = null;
  while (at + 8 <= bytes.length && view.getUint16(at, true) === 2) {
    const element = view.getUint16(at + 2, true);
    const { length, start } = valueAt(bytes, view, at + 4);
    const uid = (): string => ascii(bytes, start, length).replace(/[ \0]+$/, '');
    if (element === 0x0003) sopInstanceUid = uid();
    if (element === 0x0010) transferSyntaxUid = uid();
    at = start + length;
  }
  if (transferSyntaxUid === null) throw new Error('no file meta information with a TransferSyntaxUID');
  return { transferSyntaxUid, sopInstanceUid, end: at };
}

function valueAt(bytes: Uint8Array, view: DataView, at: number): { length: number; start: number } {
  const vr = ascii(bytes, at, 2);
  if (!/^[A-Z]{2}$/.test(vr)) return { length: view.getUint32(at, true), start: at + 4 };
  return LONG_VRS.has(vr)
    ? { length: view.getUint32(at + 4, true), start: at + 8 }
    : { length: view.getUint16(at + 2, true), start: at + 4 };
}

const ascii = (bytes: Uint8Array, start: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(start, start + length));

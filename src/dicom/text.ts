import { convertBytes } from 'dicom-character-set';

/** VRs whose text depends on SpecificCharacterSet (PS3.5 6.1.2.3). */
const ENCODED_VRS = new Set(['LO', 'LT', 'PN', 'SH', 'ST', 'UC', 'UT']);

/**
 * Bytes of a text element as a string, all values together (PS3.5 6.1): single-byte, multi-byte and
 * ISO 2022 sets. Never throws: what the declared set cannot decode is read as UTF-8, else as Latin-1, which is
 * what senders mean that declare nothing or something that does not exist.
 */
export function decodeText(bytes: Uint8Array, vr: string, specificCharacterSet: string | null): string {
  if (!ENCODED_VRS.has(vr) || bytes.every((byte) => byte < 0x80 && byte !== 0x1b))
    return Buffer.from(bytes).toString('latin1');
  if (specificCharacterSet !== null) {
    try {
      // It reads ISO_IR 6 and 192 as UTF-8 and puts U+FFFD where it fails.
      const text = convertBytes(spellOut(specificCharacterSet), bytes, { vr });
      if (!text.includes('\uFFFD')) return text;
    } catch {
      // An unknown set or escape sequence: fall through.
    }
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return Buffer.from(bytes).toString('latin1');
  }
}

/** `ISO-IR 100`, `ISO_IR_100`, `iso 2022 ir 87`: common misspellings of PS3.3 C.12.1.1.2. */
function spellOut(specificCharacterSet: string): string {
  return specificCharacterSet
    .split('\\')
    .map((term) =>
      term
        .trim()
        .toUpperCase()
        .replace(/^ISO[-_ ]?IR[-_ ]?(\d+)$/, 'ISO_IR $1')
        .replace(/^ISO[-_ ]?2022[-_ ]?IR[-_ ]?(\d+)$/, 'ISO 2022 IR $1'),
    )
    .join('\\');
}

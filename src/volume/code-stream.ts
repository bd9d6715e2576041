import { TRANSFER_SYNTAX } from '../dicom/uids';
import type { Slice } from '../series/types';

export type Codec = 'rle' | 'jpeg' | 'jpegLs' | 'jpeg2000' | 'htj2k';

/** Which decoder reads which transfer syntax. */
const CODECS: Readonly<Record<string, Codec>> = {
  [TRANSFER_SYNTAX.rle]: 'rle',
  [TRANSFER_SYNTAX.jpegBaseline]: 'jpeg',
  [TRANSFER_SYNTAX.jpegExtended]: 'jpeg',
  // Retired progressive forms (PS3.5 1998): not accepted from the network, but found on media.
  '1.2.840.10008.1.2.4.53': 'jpeg',
  '1.2.840.10008.1.2.4.55': 'jpeg',
  [TRANSFER_SYNTAX.jpegLossless]: 'jpeg',
  [TRANSFER_SYNTAX.jpegLosslessFirstOrder]: 'jpeg',
  [TRANSFER_SYNTAX.jpegLsLossless]: 'jpegLs',
  [TRANSFER_SYNTAX.jpegLsNearLossless]: 'jpegLs',
  [TRANSFER_SYNTAX.jpeg2000Lossless]: 'jpeg2000',
  [TRANSFER_SYNTAX.jpeg2000]: 'jpeg2000',
  [TRANSFER_SYNTAX.htj2kLossless]: 'htj2k',
  [TRANSFER_SYNTAX.htj2kLosslessRpcl]: 'htj2k',
  [TRANSFER_SYNTAX.htj2k]: 'htj2k',
};

/** Throws where no decoder reads the transfer syntax. */
export function codecOf(transferSyntaxUid: string): Codec {
  const codec = CODECS[transferSyntaxUid];
  if (codec === undefined) throw new Error(`no decoder for transfer syntax ${transferSyntaxUid}`);
  return codec;
}

/**
 * Refuses what decoders take without a word: a truncated stream decodes into wrong pixels, another format or size
 * of image or sample into the memory behind. Throws an Error that says what is wrong.
 */
export function checkCodeStream(
  codec: Codec,
  bytes: Uint8Array,
  { rows, columns, bitsAllocated }: Pick<Slice, 'rows' | 'columns' | 'bitsAllocated'>,
): void {
  if (codec === 'rle') return checkRle(bytes, rows * columns, bitsAllocated);
  const size = codec === 'jpeg2000' || codec === 'htj2k' ? jpeg2000Size(bytes) : jpegSize(bytes, codec);
  if (!hasEnd(bytes)) throw new Error('the code stream has no end marker: it is cut short');
  if (size.rows !== rows || size.columns !== columns || size.components !== 1)
    throw new Error(
      `the code stream is ${size.columns} x ${size.rows} x ${size.components}, the header says ${columns} x ${rows} x 1`,
    );
  // JPEG is decoded into samples as long as the header says. The others' own length is seen from what they decode into.
  if (size.bits > bitsAllocated || (codec === 'jpeg' && size.bits <= 8 !== (bitsAllocated === 8)))
    throw otherSamples(size.bits, bitsAllocated);
}

interface Size {
  rows: number;
  columns: number;
  components: number;
  /** Of a sample. */
  bits: number;
}

const otherSamples = (bits: number, bitsAllocated: number): Error =>
  new Error(`the code stream has samples of ${bits} bits, the header says ${bitsAllocated} bits allocated`);

/** FFD9, EOI or EOC, before padding to even length: zeros, or FF in the NEMA samples. */
function hasEnd(bytes: Uint8Array): boolean {
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === 0 || bytes[end - 1] === 0xff)) end--;
  return bytes[end - 1] === 0xd9 && bytes[end - 2] === 0xff;
}

/**
 * ISO 15444-1 A.4, A.5.1: SOC and SIZ (Ssiz: one less than the bits, above it the sign), then tile parts, each of the
 * length that its SOT says, up to EOC.
 */
function jpeg2000Size(bytes: Uint8Array): Size {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 43 || view.getUint32(0) !== 0xff4fff51)
    throw new Error('this is no JPEG 2000 code stream');
  let at = 2;
  const marker = (): number => (at + 12 <= bytes.length ? view.getUint16(at) : EOC);
  while (marker() !== SOT && marker() !== EOC) at += 2 + view.getUint16(at + 2);
  // Length 0: the last tile part, up to the end.
  while (marker() === SOT && view.getUint32(at + 6) !== 0) {
    if (view.getUint32(at + 6) < 14 || at + view.getUint32(at + 6) + 2 > bytes.length)
      throw new Error('a tile part is longer than the code stream: it is cut short');
    at += view.getUint32(at + 6);
  }
  return {
    columns: view.getUint32(8) - view.getUint32(16),
    rows: view.getUint32(12) - view.getUint32(20),
    components: view.getUint16(40),
    bits: ((bytes[42] as number) & 0x7f) + 1,
  };
}

const SOT = 0xff90;
const EOC = 0xffd9;

/** ISO 10918-1 B.2.2, ISO 14495-1 C.2.2: SOI, segments, the frame header among them. */
function jpegSize(bytes: Uint8Array, codec: Codec): Size {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4 || view.getUint16(0) !== 0xffd8) throw new Error('this is no JPEG stream');
  for (let at = 2; at + 10 <= bytes.length; at += 2 + view.getUint16(at + 2)) {
    while (view.getUint16(at) === 0xffff) at++;
    const marker = view.getUint16(at);
    if (marker < 0xff01) break;
    if (isFrameHeader(marker)) {
      if ((marker === 0xfff7) !== (codec === 'jpegLs'))
        throw new Error('the stream is not of its transfer syntax');
      return {
        rows: view.getUint16(at + 5),
        columns: view.getUint16(at + 7),
        components: bytes[at + 9] as number,
        bits: bytes[at + 4] as number,
      };
    }
  }
  throw new Error('the JPEG stream has no frame header');
}

/** SOF0 to SOF15 but DHT, JPG and DAC; SOF55 of JPEG-LS. */
const isFrameHeader = (marker: number): boolean =>
  marker === 0xfff7 || (marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker));

/** PS3.5 G.5: header of 16 numbers, then one PackBits segment for each byte of a sample. */
function checkRle(bytes: Uint8Array, pixels: number, bitsAllocated: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const segments = bytes.length < 64 ? 0 : view.getUint32(0, true);
  if (segments < 1 || segments > 2) throw new Error('the RLE header is wrong');
  if (8 * segments !== bitsAllocated) throw otherSamples(8 * segments, bitsAllocated);
  const offsets = Array.from({ length: segments }, (_, i) => view.getUint32(4 + 4 * i, true));
  const ends = [...offsets.slice(1), bytes.length];
  offsets.forEach((offset, i) => {
    const end = ends[i] as number;
    if (offset < 64 || end > bytes.length || unpackedLength(bytes.subarray(offset, end), pixels) !== pixels)
      throw new Error(`RLE segment ${i + 1} does not hold one byte for each pixel`);
  });
}

/** PS3.5 G.3.2, up to the run that reaches `enough`; -1 where the segment ends within a run. */
function unpackedLength(segment: Uint8Array, enough: number): number {
  let length = 0;
  for (let at = 0; at < segment.length && length < enough; ) {
    const control = segment[at] as number;
    const run = control < 128 ? control + 1 : control > 128 ? 257 - control : 0;
    at += control < 128 ? 1 + run : control > 128 ? 2 : 1;
    if (at > segment.length) return -1;
    length += run;
  }
  return length;
}

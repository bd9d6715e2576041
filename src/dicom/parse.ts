import * as dicomParser from 'dicom-parser';
import type { Parsed } from './data-set';
import { TRANSFER_SYNTAX } from './uids';

/** Newer VRs with a 32-bit length (PS3.5 7.1.2) that dicom-parser 1.8 reads as if they had a 16-bit one. */
const UNKNOWN_TO_PARSER = new Set(['OV', 'SV', 'UV']);

/**
 * The one parser: who files an instance and who analyses it must read the same UIDs. The elements of a data set, inflated,
 * up to and with `untilTag` (as `xGGGGEEEE`). Throws on one that comes twice, in Explicit VR also on one that is cut
 * short; what was read so far is in `elements`.
 */
export function parseElements(
  body: Uint8Array,
  transferSyntaxUid: string,
  untilTag?: string,
  elements: Parsed['elements'] = {},
): Parsed {
  const implicit = transferSyntaxUid === TRANSFER_SYNTAX.implicitLittleEndian;
  const byteArrayParser =
    transferSyntaxUid === TRANSFER_SYNTAX.explicitBigEndian
      ? dicomParser.bigEndianByteArrayParser
      : dicomParser.littleEndianByteArrayParser;
  const stream = new dicomParser.ByteStream(byteArrayParser, body, 0);
  while (stream.position < body.length) {
    const element = implicit
      ? dicomParser.readDicomElementImplicit(stream, untilTag)
      : (veryLong(stream) ?? dicomParser.readDicomElementExplicit(stream, [], untilTag));
    // PS3.5 7.1: at most once. Of two, one reader would take the first UID and another the last.
    if (elements[element.tag] !== undefined) throw new Error(`element ${element.tag} comes twice`);
    elements[element.tag] = element;
    if (element.tag === untilTag) break;
  }
  if (!implicit && stream.position > body.length) throw new Error('the last element is cut short');
  return { byteArray: body, byteArrayParser, elements };
}

function veryLong(stream: dicomParser.ByteStream): dicomParser.Element | null {
  const vr = String.fromCharCode(...stream.byteArray.subarray(stream.position + 4, stream.position + 6));
  if (!UNKNOWN_TO_PARSER.has(vr)) return null;
  const tag = dicomParser.readTag(stream);
  stream.seek(4);
  const length = stream.readUint32();
  const dataOffset = stream.position;
  stream.seek(length);
  return { tag, vr, length, dataOffset };
}

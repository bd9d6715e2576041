import * as dicomParser from 'dicom-parser';

/** Newer VRs with a 32-bit length (PS3.5 7.1.2) that dicom-parser 1.8 reads as if they had a 16-bit one. */
const UNKNOWN_TO_PARSER = new Set(['OV', 'SV', 'UV']);

/** The elements of an Explicit VR data set up to and with `untilTag`. Throws on one that is cut short. */
export function parseExplicit(
  stream: dicomParser.ByteStream,
  untilTag: string | undefined,
): Record<string, dicomParser.Element> {
  const elements: Record<string, dicomParser.Element> = {};
  const size = stream.byteArray.length;
  while (stream.position < size) {
    const element = veryLong(stream) ?? dicomParser.readDicomElementExplicit(stream, [], untilTag);
    refuseTwice(elements, element.tag);
    elements[element.tag] = element;
    if (element.tag === untilTag) return elements;
  }
  if (stream.position > size) throw new Error('the last element is cut short');
  return elements;
}

/** PS3.5 7.1: at most once. Of two, one reader would take the first UID and another the last. */
export function refuseTwice(elements: Record<string, dicomParser.Element>, tag: string): void {
  if (elements[tag] !== undefined) throw new Error(`element ${tag} comes twice`);
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

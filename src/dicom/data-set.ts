import * as dicomParser from 'dicom-parser';
import { keywordOf, tagOf } from './tags';
import { decodeText } from './text';

type ParsedElement = dicomParser.Element;
/** What dicom-parser found: where each element lies. */
export type Parsed = Pick<dicomParser.DataSet, 'byteArray' | 'byteArrayParser' | 'elements'>;

/** Size in bytes of one value of a binary VR (PS3.5 Table 6.2-1). */
const BINARY = { US: 2, SS: 2, UL: 4, SL: 4, FL: 4, FD: 8, UV: 8, SV: 8 } as const;
type BinaryVr = keyof typeof BINARY;

/**
 * Typed access to a parsed data set by PS3.6 keyword. The VR is the dictionary's, so Implicit VR and UN read alike.
 * An element that is absent, empty or unreadable gives null or []; nothing here throws on odd values, and
 * nothing prints them.
 */
export class DataSet {
  private readonly characterSet: string | null;
  /** PixelRepresentation of the image: tells `US or SS` (PS3.6) apart. */
  private readonly signed: boolean;

  constructor(
    private readonly parsed: Parsed,
    parent?: DataSet,
  ) {
    // Neither element is encoded text, so both may be read before the fields are set (PS3.5 6.1.2.3).
    this.characterSet = null;
    this.signed = parent?.signed ?? this.number('PixelRepresentation') === 1;
    this.characterSet = this.verbatim('SpecificCharacterSet') ?? parent?.characterSet ?? null;
  }

  /** Present, perhaps empty. */
  has(keyword: string): boolean {
    return this.element(keyword) !== undefined;
  }

  /** Keywords of all elements that PS3.6 knows; private ones and delimiters are left out. */
  keywords(): string[] {
    return Object.keys(this.parsed.elements)
      .filter((tag) => !tag.startsWith('xfffe'))
      .flatMap((tag) => keywordOf(tag.slice(1)) ?? []);
  }

  /** The whole text of a string element, decoded, without padding; values stay joined by `\`. Null where empty. */
  verbatim(keyword: string): string | null {
    const element = this.element(keyword);
    if (element === undefined || element.length === 0) return null;
    const { vr } = tagOf(keyword);
    const text = decodeText(this.bytesOf(element), vr, this.characterSet);
    // PS3.5 6.2: leading spaces count in long text only.
    const trimmed =
      vr === 'LT' || vr === 'ST' || vr === 'UT'
        ? text.replace(/[\s\0]+$/, '')
        : text.replace(/^ +|[\s\0]+$/g, '');
    return trimmed === '' ? null : trimmed;
  }

  /** All values of a string element, each without padding: DS and IS are not reformatted. */
  strings(keyword: string): string[] {
    const text = this.verbatim(keyword);
    return text === null ? [] : text.split('\\').map((value) => value.replace(/^ +|[ \0]+$/g, ''));
  }

  /** First value of a string element. */
  string(keyword: string): string | null {
    return this.strings(keyword)[0] || null;
  }

  /** All values of a numeric element: binary VRs, DS and IS. NaN where a string is no number. */
  numbers(keyword: string): number[] {
    const vr = this.numericVr(tagOf(keyword).vr);
    if (vr === null) return this.strings(keyword).map(parseDecimal);
    const element = this.element(keyword);
    if (element === undefined) return [];
    const bytes = this.bytesOf(element);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const parser = element.parser ?? this.parsed.byteArrayParser;
    const little = parser === dicomParser.littleEndianByteArrayParser;
    const count = Math.floor(bytes.length / BINARY[vr]);
    return Array.from({ length: count }, (_, i) => readBinary(view, vr, i * BINARY[vr], little));
  }

  /** First value of a numeric element; null where it is no finite number. */
  number(keyword: string): number | null {
    const value = this.numbers(keyword)[0];
    return value !== undefined && Number.isFinite(value) ? value : null;
  }

  /** Items of a sequence; [] where absent. */
  items(keyword: string): DataSet[] {
    const element = this.element(keyword);
    if (element === undefined || element.length === 0) return [];
    // PS3.5 6.2.2: a sequence of VR UN and known length holds Implicit VR Little Endian.
    if (element.items === undefined) parseUnknownAsSequence(this.parsed, element);
    return (element.items ?? []).flatMap(({ dataSet }) =>
      dataSet === undefined ? [] : [new DataSet(dataSet, this)],
    );
  }

  /** First item of a sequence, or null. */
  item(keyword: string): DataSet | null {
    return this.items(keyword)[0] ?? null;
  }

  private element(keyword: string): ParsedElement | undefined {
    return this.parsed.elements[`x${tagOf(keyword).hex.toLowerCase()}`];
  }

  private bytesOf(element: ParsedElement): Uint8Array {
    return this.parsed.byteArray.subarray(element.dataOffset, element.dataOffset + element.length);
  }

  private numericVr(vr: string): BinaryVr | null {
    if (vr === 'xs') return this.signed ? 'SS' : 'US';
    return vr in BINARY ? (vr as BinaryVr) : null;
  }
}

function readBinary(view: DataView, vr: BinaryVr, at: number, little: boolean): number {
  switch (vr) {
    case 'US':
      return view.getUint16(at, little);
    case 'SS':
      return view.getInt16(at, little);
    case 'UL':
      return view.getUint32(at, little);
    case 'SL':
      return view.getInt32(at, little);
    case 'FL':
      return view.getFloat32(at, little);
    case 'FD':
      return view.getFloat64(at, little);
    case 'UV':
      return Number(view.getBigUint64(at, little));
    case 'SV':
      return Number(view.getBigInt64(at, little));
  }
}

/** PS3.5 6.2, DS and IS. */
function parseDecimal(text: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : Number.NaN;
}

function parseUnknownAsSequence(parsed: Parsed, element: ParsedElement): void {
  try {
    const stream = new dicomParser.ByteStream(
      dicomParser.littleEndianByteArrayParser,
      parsed.byteArray,
      element.dataOffset,
    );
    dicomParser.readSequenceItemsImplicit(stream, element);
  } catch {
    element.items = [];
  }
}

import { data } from 'dcmjs';

export interface Tag {
  /** `GGGGEEEE`, upper case. */
  hex: string;
  /** PS3.6; `ox`: OB or OW, `xs`: US or SS. */
  vr: string;
}

const known = new Map<string, Tag>();

/** Tag and VR of a PS3.6 keyword such as `PatientName`. Throws on a keyword that does not exist. */
export function tagOf(keyword: string): Tag {
  let tag = known.get(keyword);
  if (tag === undefined) {
    const entry = data.DicomMetaDictionary.nameMap[keyword];
    if (entry === undefined) throw new Error(`${keyword} is no DICOM keyword`);
    tag = { hex: entry.tag.replace(/[(),]/g, '').toUpperCase(), vr: entry.vr };
    known.set(keyword, tag);
  }
  return tag;
}

/** PS3.6 keyword of a tag `GGGGEEEE`, or null for private and unknown ones. */
export function keywordOf(hex: string): string | null {
  return (
    data.DicomMetaDictionary.dictionary[`(${hex.slice(0, 4)},${hex.slice(4)})`.toUpperCase()]?.name ?? null
  );
}

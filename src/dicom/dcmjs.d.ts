/** The part of dcmjs 0.50.3 that we use; the package ships no types. */
declare module 'dcmjs' {
  interface DictionaryEntry {
    /** `(GGGG,EEEE)`. */
    tag: string;
    /** PS3.6; `ox`: OB or OW, `xs`: US or SS, `na`: not applicable. */
    vr: string;
    vm: string;
    name: string;
  }
  /** Keys: `GGGGEEEE`, upper case. */
  type DicomJson = Record<string, { vr: string; Value: unknown[] }>;

  class WriteBufferStream {
    constructor(defaultSize: number, littleEndian: boolean);
    readonly size: number;
    getBuffer(): ArrayBuffer | Uint8Array;
  }

  export const data: {
    /** CIELab in 16 bits to RGB in 0..1, as OHIF reads it; only a test asks. */
    Colors: { dicomlab2RGB(lab: readonly number[]): number[] };
    DicomMetaDictionary: {
      nameMap: Record<string, DictionaryEntry | undefined>;
      dictionary: Record<string, DictionaryEntry | undefined>;
    };
    DicomMessage: {
      write(
        elements: DicomJson,
        stream: WriteBufferStream,
        transferSyntaxUid: string,
        options: { allowInvalidVRLength: boolean; fragmentMultiframe?: boolean },
      ): number;
    };
    WriteBufferStream: typeof WriteBufferStream;
  };
}

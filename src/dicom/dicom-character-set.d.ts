/** dicom-character-set 1.0.5 ships no types. */
declare module 'dicom-character-set' {
  /** Throws on an unknown character set and on an unknown escape sequence. */
  export function convertBytes(
    specificCharacterSet: string | undefined,
    bytes: Uint8Array,
    options?: { vr?: string },
  ): string;
}

export interface SyslogHeader {
  host: string;
  processId: number;
}

/** Facility 10 (security), severity 5 (notice), as PS3.15 A.6 and IHE ATNA have it. */
const PRIORITY = 10 * 8 + 5;

/** An audit message as RFC 5424 has it; `sequence` lets a receiver tell what came twice (7.3.1). One line, no line end. */
export function syslogMessage(
  { host, processId }: SyslogHeader,
  at: Date,
  sequence: number,
  message: string,
): string {
  // 6: no field is empty, none has a space; the BOM says UTF-8 (6.4).
  const name = host.replace(/[^\x21-\x7e]/g, '').slice(0, 255) || '-';
  return `<${PRIORITY}>1 ${at.toISOString()} ${name} raunet ${processId} DICOM+RFC3881 [meta sequenceId="${sequence}"] \ufeff${message}`;
}

/** RFC 5425 4.3: octet counting. */
export const framed = (line: Buffer): Buffer => Buffer.concat([Buffer.from(`${line.length} `), line]);

/** Everything of a P-DATA-TF PDU with one value but the value itself, 12 bytes: PS3.8 9.3.5, Annex E.2. */
export function pDataHeader(pdv: {
  contextId: number;
  command: boolean;
  last: boolean;
  length: number;
}): Buffer {
  const header = Buffer.alloc(12);
  header[0] = 0x04;
  header.writeUInt32BE(pdv.length + 6, 2);
  header.writeUInt32BE(pdv.length + 2, 6);
  header[10] = pdv.contextId;
  header[11] = (pdv.command ? 1 : 0) | (pdv.last ? 2 : 0);
  return header;
}

import { type Answerable, NO_DATA_SET } from '../dicom/command-set';
import { ProtocolError } from './broken';

/** What we use of a DIMSE command set. UIDs: affected or, in N- services, requested. */
export interface Command extends Answerable {
  /** Event Type ID or Action Type ID of an N- service. */
  typeId: number | null;
  /** Of a response. */
  status: number | null;
  hasDataSet: boolean;
}

/** Decodes a command set, always implicit little endian (PS3.7 6.3.1). Throws ProtocolError where it cannot be answered. */
export function decodeCommand(bytes: Buffer): Command {
  const values = new Map<number, Buffer>();
  for (let at = 0; at < bytes.length; ) {
    if (at + 8 > bytes.length) throw new ProtocolError('command set ends inside an element');
    const end = at + 8 + bytes.readUInt32LE(at + 4);
    if (end > bytes.length) throw new ProtocolError('an element of the command set is longer than the rest');
    if (bytes.readUInt16LE(at) === 0) values.set(bytes.readUInt16LE(at + 2), bytes.subarray(at + 8, end));
    at = end;
  }
  const field = us(values, 0x0100);
  const dataSetType = us(values, 0x0800);
  // (0000,0110), in a response (0000,0120)
  const messageId = us(values, 0x0110) ?? us(values, 0x0120);
  if (field === null || dataSetType === null || messageId === null)
    throw new ProtocolError('command set without command field, data set type or message id');
  return {
    field,
    messageId,
    sopClassUid: ui(values, 0x0002) ?? ui(values, 0x0003),
    sopInstanceUid: ui(values, 0x1000) ?? ui(values, 0x1001),
    typeId: us(values, 0x1002) ?? us(values, 0x1008),
    status: us(values, 0x0900),
    hasDataSet: dataSetType !== NO_DATA_SET,
  };
}

function us(values: Map<number, Buffer>, element: number): number | null {
  const value = values.get(element);
  return value !== undefined && value.length === 2 ? value.readUInt16LE(0) : null;
}

function ui(values: Map<number, Buffer>, element: number): string | null {
  return (
    values
      .get(element)
      ?.toString('latin1')
      .replace(/[\0 ]+$/, '') ?? null
  );
}

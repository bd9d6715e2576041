import { isUid } from '../lib/uid';
import { ProtocolError } from './broken';

/** PS3.7 Table E.1-1, (0000,0100). */
export const COMMAND = {
  cStoreRq: 0x0001,
  cEchoRq: 0x0030,
  nEventReportRq: 0x0100,
  nActionRq: 0x0130,
  cCancelRq: 0x0fff,
  response: 0x8000,
} as const;

/** What we use of a DIMSE command set. */
export interface Command {
  field: number;
  messageId: number;
  /** Affected or, in N- services, requested; null where the command has none. */
  sopClassUid: string | null;
  sopInstanceUid: string | null;
  /** Event Type ID or Action Type ID of an N- service. */
  typeId: number | null;
  /** Of a response. */
  status: number | null;
  hasDataSet: boolean;
}

/** (0000,0800) of a message without data set: PS3.7 E.1. */
const NO_DATA_SET = 0x0101;

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

/** VR LO of (0000,0902). */
const COMMENT_LIMIT = 64;

/** The response to a request that has no data set: PS3.7 9.3.1.2, E.1. `comment` is cut to what the standard allows. */
export function encodeResponse(to: Command, status: number, comment?: string): Buffer {
  return commandSet(
    uiElement(0x0002, to.sopClassUid),
    usElement(0x0100, to.field | COMMAND.response),
    usElement(0x0120, to.messageId),
    usElement(0x0800, NO_DATA_SET),
    usElement(0x0900, status),
    comment === undefined ? NOTHING : textElement(0x0902, comment.slice(0, COMMENT_LIMIT), ' '),
    uiElement(0x1000, to.sopInstanceUid),
  );
}

/** N-EVENT-REPORT-RQ with Event Information: PS3.7 Table 10.3-1. */
export const encodeEventReport = (event: {
  sopClassUid: string;
  sopInstanceUid: string;
  eventType: number;
  messageId: number;
}): Buffer =>
  commandSet(
    uiElement(0x0002, event.sopClassUid),
    usElement(0x0100, COMMAND.nEventReportRq),
    usElement(0x0110, event.messageId),
    usElement(0x0800, 0x0000), // anything but 0101
    uiElement(0x1000, event.sopInstanceUid),
    usElement(0x1002, event.eventType),
  );

/** PS3.7 6.3.1: Command Group Length first. */
function commandSet(...elements: Buffer[]): Buffer {
  const body = Buffer.concat(elements);
  const groupLength = Buffer.alloc(4);
  groupLength.writeUInt32LE(body.length);
  return Buffer.concat([element(0x0000, groupLength), body]);
}

const NOTHING = Buffer.alloc(0);

function element(number: number, value: Buffer): Buffer {
  const head = Buffer.alloc(8); // group 0000
  head.writeUInt16LE(number, 2);
  head.writeUInt32LE(value.length, 4);
  return Buffer.concat([head, value]);
}

function usElement(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return element(number, bytes);
}

/** Garbage is not echoed. */
const uiElement = (number: number, uid: string | null): Buffer =>
  uid !== null && isUid(uid) ? textElement(number, uid, '\0') : NOTHING;

const textElement = (number: number, text: string, padding: string): Buffer =>
  element(number, Buffer.from(text.length % 2 === 0 ? text : text + padding, 'latin1'));

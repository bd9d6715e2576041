import { isUid } from '../lib/uid';

/** PS3.7 Table E.1-1, (0000,0100). */
export const COMMAND = {
  cStoreRq: 0x0001,
  cEchoRq: 0x0030,
  nEventReportRq: 0x0100,
  nActionRq: 0x0130,
  cCancelRq: 0x0fff,
  response: 0x8000,
} as const;

/** (0000,0800) of a message without data set: PS3.7 E.1. */
export const NO_DATA_SET = 0x0101;

/** What a response repeats of its request; null where the command has none. */
export interface Answerable {
  field: number;
  messageId: number;
  sopClassUid: string | null;
  sopInstanceUid: string | null;
}

/** VR LO of (0000,0902). */
const COMMENT_LIMIT = 64;

/** The response to a request that has no data set: PS3.7 9.3.1.2, E.1. `comment` is cut to what the standard allows. */
export function encodeResponse(to: Answerable, status: number, comment?: string): Buffer {
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

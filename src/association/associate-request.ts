import { ProtocolError } from './broken';
import type { ProposedContext, Roles } from './presentation-contexts';

/** PS3.8 9.3.2. */
export interface AssociateRequest {
  /** Bit 0: version 1. */
  protocolVersion: number;
  /** Without the spaces around it, which are not significant. */
  calledAe: string;
  callingAe: string;
  applicationContext: string;
  contexts: ProposedContext[];
  /** Largest PDU the sender takes; 0: no limit (PS3.8 D.1). */
  maxPduLength: number;
  /** PS3.7 D.3.3.2, for the log. */
  implementationVersion: string;
  /** By SOP class: which roles the sender wants to play (PS3.7 D.3.3.4). Absent: SCU. */
  roles: Map<string, Roles>;
}

/** PS3.8 Tables 9-12 to 9-16, D.1-1, and PS3.7 Table D.3-3. */
const ITEM = {
  applicationContext: 0x10,
  presentationContext: 0x20,
  abstractSyntax: 0x30,
  transferSyntax: 0x40,
  userInformation: 0x50,
  maxLength: 0x51,
  roleSelection: 0x54,
  implementationVersion: 0x55,
} as const;

/** Version, reserved, two AE titles, reserved: PS3.8 Table 9-11. */
const FIXED_PART = 68;

/**
 * Decodes the body of an A-ASSOCIATE-RQ (after its six bytes of header). Items that we do not use (asynchronous operations window, user identity, extended negotiation) are skipped: not answered means the default.
 * Throws ProtocolError on anything malformed.
 */
export function decodeAssociateRequest(body: Buffer): AssociateRequest {
  if (body.length < FIXED_PART) throw new ProtocolError(`A-ASSOCIATE-RQ of ${body.length} bytes`);
  const request: AssociateRequest = {
    protocolVersion: body.readUInt16BE(0),
    calledAe: text(body.subarray(4, 20)),
    callingAe: text(body.subarray(20, 36)),
    applicationContext: '',
    contexts: [],
    maxPduLength: 0,
    implementationVersion: '',
    roles: new Map(),
  };
  for (const { type, value } of items(body.subarray(FIXED_PART))) {
    if (type === ITEM.applicationContext) request.applicationContext = text(value);
    else if (type === ITEM.presentationContext) request.contexts.push(decodeContext(value));
    else if (type === ITEM.userInformation) decodeUserInformation(value, request);
  }
  const ids = new Set(request.contexts.map(({ id }) => id));
  if (ids.size !== request.contexts.length) throw new ProtocolError('a presentation context id comes twice');
  return request;
}

function decodeContext(value: Buffer): ProposedContext {
  if (value.length < 4) throw new ProtocolError('presentation context item too short');
  const id = value.readUInt8(0);
  if (id % 2 === 0) throw new ProtocolError(`presentation context id ${id} is even`);
  const subItems = [...items(value.subarray(4))];
  const uids = (wanted: number) =>
    subItems.filter(({ type }) => type === wanted).map((item) => text(item.value));
  const [abstractSyntax, ...more] = uids(ITEM.abstractSyntax);
  if (abstractSyntax === undefined || more.length > 0)
    throw new ProtocolError(`presentation context ${id} does not have one abstract syntax`);
  return { id, abstractSyntax, transferSyntaxes: uids(ITEM.transferSyntax) };
}

function decodeUserInformation(value: Buffer, request: AssociateRequest): void {
  for (const item of items(value)) {
    if (item.type === ITEM.maxLength && item.value.length === 4)
      request.maxPduLength = item.value.readUInt32BE(0);
    else if (item.type === ITEM.implementationVersion) request.implementationVersion = text(item.value);
    else if (item.type === ITEM.roleSelection) decodeRoles(item.value, request);
  }
}

/** PS3.7 Table D.3-9: UID length, UID, SCU role, SCP role. */
function decodeRoles(value: Buffer, { roles }: AssociateRequest): void {
  const end = value.length >= 2 ? 2 + value.readUInt16BE(0) : Infinity;
  if (value.length < end + 2) throw new ProtocolError('role selection item too short');
  roles.set(text(value.subarray(2, end)), { scu: value[end] === 1, scp: value[end + 1] === 1 });
}

/** Type, reserved, two-byte length, value; one after the other. */
function* items(bytes: Buffer): Generator<{ type: number; value: Buffer }> {
  for (let at = 0; at < bytes.length; ) {
    if (at + 4 > bytes.length) throw new ProtocolError('A-ASSOCIATE-RQ ends inside an item header');
    const end = at + 4 + bytes.readUInt16BE(at + 2);
    if (end > bytes.length) throw new ProtocolError('an item of the A-ASSOCIATE-RQ is longer than the rest');
    yield { type: bytes.readUInt8(at), value: bytes.subarray(at + 4, end) };
    at = end;
  }
}

/** AE titles are padded with spaces, UIDs by some senders with NUL. */
const text = (bytes: Buffer): string => bytes.toString('latin1').replace(/^[\0 ]+|[\0 ]+$/g, '');

import type { Socket } from 'node:net';

/** PDU types that an SCU meets, PS3.8 9.3.1. */
export const PDU = {
  associateAccept: 0x02,
  associateReject: 0x03,
  data: 0x04,
  abort: 0x07,
} as const;

export interface Pdu {
  type: number;
  /** Header included. */
  bytes: Buffer;
}

/** PS3.8 9.3.1: type, reserved, length (big endian), then `length` bytes. */
const HEADER = 6;

/** PDUs of a connection in order; ends with it. Throws on a PDU longer than `maxLength`, before reading it. */
export async function* readPdus(socket: Socket, maxLength: number): AsyncGenerator<Pdu, undefined> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    while (held.length >= HEADER) {
      const length = held.readUInt32BE(2);
      if (length > maxLength)
        throw new Error(`the peer sent a PDU of ${length} bytes, ${maxLength} are agreed`);
      if (held.length < HEADER + length) break;
      yield { type: held[0]!, bytes: held.subarray(0, HEADER + length) };
      held = held.subarray(HEADER + length);
    }
  }
  return undefined;
}

export interface Pdv {
  contextId: number;
  command: boolean;
  last: boolean;
  value: Buffer;
}

/** PS3.8 9.3.5.1, Annex E.2: the values of a P-DATA-TF PDU. Throws where lengths do not fit. */
export function* splitPdvs({ bytes }: Pdu): Generator<Pdv> {
  for (let at = HEADER; at < bytes.length; ) {
    const length = at + 6 <= bytes.length ? bytes.readUInt32BE(at) : 0;
    if (length < 2 || at + 4 + length > bytes.length) throw new Error('the peer sent a broken P-DATA PDU');
    const flags = bytes[at + 5]!;
    yield {
      contextId: bytes[at + 4]!,
      command: (flags & 1) !== 0,
      last: (flags & 2) !== 0,
      value: bytes.subarray(at + 6, at + 4 + length),
    };
    at += 4 + length;
  }
}

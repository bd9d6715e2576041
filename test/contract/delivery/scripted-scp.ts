import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** What the peer got: a whole PDU. */
export interface ReceivedPdu {
  type: number;
  bytes: Buffer;
}

export interface Message {
  command: Buffer;
  /** (0000,0100). */
  field: number;
  messageId: number;
  dataSet: Buffer | null;
}

/** One connection, played by a test: reads PDUs, writes what it likes. Own bytes, nothing of the code under test. */
export class Connection {
  private held = Buffer.alloc(0);
  private ended = false;
  private wake: () => void = () => {};

  constructor(readonly socket: Socket) {
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      this.held = Buffer.concat([this.held, chunk]);
      this.wake();
    });
    for (const event of ['end', 'close'])
      socket.on(event, () => {
        this.ended = true;
        this.wake();
      });
  }

  /** The next PDU; null at the end of the connection. */
  async read(): Promise<ReceivedPdu | null> {
    for (;;) {
      if (this.held.length >= 6 && this.held.length >= 6 + this.held.readUInt32BE(2)) {
        const length = 6 + this.held.readUInt32BE(2);
        const bytes = this.held.subarray(0, length);
        this.held = this.held.subarray(length);
        return { type: bytes[0]!, bytes };
      }
      if (this.ended) return null;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  /** Reads P-DATA up to the last fragment of a command, and of a data set if one follows. */
  async readMessage(): Promise<Message | null> {
    const command = await this.readFragments();
    if (command === null) return null;
    const hasDataSet = elementUS(command, 0x0800) !== 0x0101;
    return {
      command,
      field: elementUS(command, 0x0100),
      messageId: elementUS(command, 0x0110),
      dataSet: hasDataSet ? await this.readFragments() : null,
    };
  }

  private async readFragments(): Promise<Buffer | null> {
    const parts: Buffer[] = [];
    for (;;) {
      const pdu = await this.read();
      if (pdu === null || pdu.type !== 0x04) return null;
      parts.push(pdu.bytes.subarray(12));
      if ((pdu.bytes[11]! & 2) !== 0) return Buffer.concat(parts);
    }
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** Reads the request and accepts the contexts that `accept` lets through, each with its first transfer syntax. */
  async acceptAssociation(
    accept: (abstract: string, transfer: string) => boolean = () => true,
  ): Promise<void> {
    const request = (await this.read())!;
    this.write(associateAccept(contextsOf(request.bytes), accept));
  }
}

export interface ScriptedScp {
  port: number;
  /** Connections that came so far. */
  connections: Connection[];
  close(): Promise<void>;
}

/** Listens on loopback and plays `script` for the n-th connection. */
export async function scriptedScp(
  script: (connection: Connection, n: number) => Promise<void>,
): Promise<ScriptedScp> {
  const connections: Connection[] = [];
  const played: Promise<void>[] = [];
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const connection = new Connection(socket);
    connections.push(connection);
    played.push(script(connection, connections.length - 1).catch(() => {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    async close() {
      for (const { socket } of connections) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await Promise.all(played);
    },
  };
}

export const pdu = (type: number, body: Buffer): Buffer => {
  const header = Buffer.from([type, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(body.length, 2);
  return Buffer.concat([header, body]);
};

export const associateReject = (result: number, source: number, reason: number): Buffer =>
  pdu(0x03, Buffer.from([0, result, source, reason]));

export const abort = (): Buffer => pdu(0x07, Buffer.from([0, 0, 2, 0]));

export const releaseReply = (): Buffer => pdu(0x06, Buffer.alloc(4));

/** C-STORE-RSP and the like: a command without a data set, on context 1. */
export function response(messageId: number, status: number | null, commandField = 0x8001): Buffer {
  const elements = [
    us(0x0100, commandField),
    us(0x0120, messageId),
    us(0x0800, 0x0101),
    ...(status === null ? [] : [us(0x0900, status)]),
  ];
  const body = Buffer.concat(elements);
  const groupLength = Buffer.alloc(12);
  groupLength.writeUInt32LE(4, 4);
  groupLength.writeUInt32LE(body.length, 8);
  return pData(Buffer.concat([groupLength, body]), true);
}

export function pData(value: Buffer, command: boolean): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt32BE(value.length + 2, 0);
  head[4] = 1;
  head[5] = (command ? 1 : 0) | 2;
  return pdu(0x04, Buffer.concat([head, value]));
}

function us(element: number, value: number): Buffer {
  const bytes = Buffer.alloc(10);
  bytes.writeUInt16LE(element, 2);
  bytes.writeUInt32LE(2, 4);
  bytes.writeUInt16LE(value, 8);
  return bytes;
}

/** Value of a US element of an implicit little endian command; -1 where missing. */
function elementUS(command: Buffer, element: number): number {
  for (let at = 0; at + 8 <= command.length; ) {
    const length = command.readUInt32LE(at + 4);
    if (command.readUInt16LE(at + 2) === element) return command.readUInt16LE(at + 8);
    at += 8 + length;
  }
  return -1;
}

export interface Proposed {
  id: number;
  abstract: string;
  transfers: string[];
}

/** Presentation contexts of an A-ASSOCIATE-RQ. */
export function contextsOf(request: Buffer): Proposed[] {
  const found: Proposed[] = [];
  for (let at = 74; at + 4 <= request.length; ) {
    const length = request.readUInt16BE(at + 2);
    if (request[at] === 0x20) {
      const context: Proposed = { id: request[at + 4]!, abstract: '', transfers: [] };
      for (let sub = at + 8; sub < at + 4 + length; ) {
        const size = request.readUInt16BE(sub + 2);
        const uid = request.toString('latin1', sub + 4, sub + 4 + size).replace(/\0+$/, '');
        if (request[sub] === 0x30) context.abstract = uid;
        else context.transfers.push(uid);
        sub += 4 + size;
      }
      found.push(context);
    }
    at += 4 + length;
  }
  return found;
}

function item(type: number, body: Buffer): Buffer {
  const head = Buffer.from([type, 0, 0, 0]);
  head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, body]);
}

/** A-ASSOCIATE-AC with max PDU length 16384. */
export function associateAccept(
  contexts: readonly Proposed[],
  accept: (abstract: string, transfer: string) => boolean,
  maxPdu = 16384,
): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(maxPdu);
  const fixed = Buffer.alloc(68);
  fixed[1] = 1;
  return pdu(
    0x02,
    Buffer.concat([
      fixed,
      item(0x10, Buffer.from('1.2.840.10008.3.1.1.1')),
      ...contexts.map(({ id, abstract, transfers }) =>
        item(
          0x21,
          Buffer.concat([
            Buffer.from([id, 0, accept(abstract, transfers[0]!) ? 0 : 4, 0]),
            item(0x40, Buffer.from(transfers[0]!)),
          ]),
        ),
      ),
      item(0x50, item(0x51, length)),
    ]),
  );
}

import { ProtocolError } from './broken';
import type { ByteReader } from './byte-reader';
import { ABORT } from './statuses';

/** Bytes of one PDV, as far as they have come. */
export interface Fragment {
  contextId: number;
  isCommand: boolean;
  /** The last bytes of the last fragment of a command or data set. */
  isLast: boolean;
  bytes: Buffer;
}

export type Ending = 'released' | 'aborted' | 'closed';

/** PS3.8 Table 9-11 ff. */
const PDU = { associateRq: 1, associateAc: 2, associateRj: 3, data: 4, releaseRq: 5, releaseRp: 6, abort: 7 };
const KNOWN_PDUS = new Set(Object.values(PDU));

/** spec: at most 128 KiB before an association; 128 contexts with 16 transfer syntaxes each take half of it. */
const ASSOCIATE_RQ_LIMIT = 128 * 1024;

/** Fixed length of A-RELEASE-RQ and A-ABORT: PS3.8 Tables 9-24, 9-26. */
const SHORT_PDU = 4;

/** One after the other, of a command or data set that goes on. No limit on bytes ends them; senders cut at most one. */
const EMPTY_FRAGMENTS = 100;

/**
 * PDUs of one connection, strictly one after the other. Lengths are checked before a byte is held, and the data of a
 * P-DATA-TF is handed on as it comes: no PDU is ever assembled but the A-ASSOCIATE-RQ.
 */
export class PduStream {
  private pduLeft = 0;
  private pdvLeft = 0;
  private contextId = 0;
  private control = 0;

  constructor(
    private readonly bytes: ByteReader,
    private readonly maxPduLength: number,
  ) {}

  /** State Sta2: the body of the A-ASSOCIATE-RQ, or the end. Anything else is a ProtocolError (PS3.8 Table 9-10, AA-1). */
  async associateRequest(): Promise<Buffer | Ending> {
    if (await this.bytes.atEnd()) return 'closed';
    const { type, length } = await this.header();
    if (type === PDU.abort) return 'aborted';
    if (type !== PDU.associateRq)
      throw new ProtocolError(`PDU type ${type} before an association`, ABORT.byUser);
    if (length > ASSOCIATE_RQ_LIMIT)
      throw new ProtocolError(`A-ASSOCIATE-RQ of ${length} bytes`, ABORT.byUser);
    return this.bytes.exactly(length);
  }

  /** State Sta6: the next bytes of a PDV, or the end. What brings no byte and ends nothing is dropped. */
  async next(): Promise<Fragment | Ending> {
    for (let empty = 0; empty <= EMPTY_FRAGMENTS; empty++) {
      const fragment = await this.fragment();
      if (typeof fragment === 'string' || fragment.isLast || fragment.bytes.length > 0) return fragment;
    }
    throw new ProtocolError(`more than ${EMPTY_FRAGMENTS} empty PDVs one after the other`);
  }

  private async fragment(): Promise<Fragment | Ending> {
    if (this.pdvLeft === 0) {
      if (this.pduLeft === 0) {
        const ending = await this.beginPdu();
        if (ending !== null) return ending;
      }
      await this.beginPdv();
    }
    const bytes = this.pdvLeft === 0 ? Buffer.alloc(0) : await this.bytes.some(this.pdvLeft);
    this.pdvLeft -= bytes.length;
    return {
      contextId: this.contextId,
      isCommand: (this.control & 1) !== 0,
      isLast: (this.control & 2) !== 0 && this.pdvLeft === 0,
      bytes,
    };
  }

  /** Enters the next P-DATA-TF, or says how the association ended. */
  private async beginPdu(): Promise<Ending | null> {
    if (await this.bytes.atEnd()) return 'closed';
    const { type, length } = await this.header();
    if (type === PDU.data) {
      if (length > this.maxPduLength)
        throw new ProtocolError(`P-DATA-TF of ${length} bytes, ${this.maxPduLength} are agreed`);
      this.pduLeft = length; // beginPdv refuses an empty one
      return null;
    }
    if (!KNOWN_PDUS.has(type)) throw new ProtocolError(`unknown PDU type ${type}`, ABORT.unrecognizedPdu);
    if (type !== PDU.releaseRq && type !== PDU.abort)
      throw new ProtocolError(`PDU type ${type} in an association`, ABORT.unexpectedPdu);
    if (length !== SHORT_PDU) throw new ProtocolError(`PDU type ${type} of ${length} bytes`);
    await this.bytes.exactly(SHORT_PDU);
    return type === PDU.releaseRq ? 'released' : 'aborted';
  }

  /** PS3.8 9.3.5.1 and Annex E.2: length, context id, control header. */
  private async beginPdv(): Promise<void> {
    if (this.pduLeft < 6) throw new ProtocolError('P-DATA-TF ends inside a PDV header');
    const head = await this.bytes.exactly(6);
    const length = head.readUInt32BE(0);
    if (length < 2 || length + 4 > this.pduLeft)
      throw new ProtocolError(`PDV of ${length} bytes in ${this.pduLeft} left of its P-DATA-TF`);
    this.contextId = head.readUInt8(4);
    this.control = head.readUInt8(5);
    this.pdvLeft = length - 2;
    this.pduLeft -= length + 4;
  }

  private async header(): Promise<{ type: number; length: number }> {
    const head = await this.bytes.exactly(6);
    return { type: head.readUInt8(0), length: head.readUInt32BE(2) };
  }
}

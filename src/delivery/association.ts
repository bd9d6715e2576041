import { once } from 'node:events';
import { association as dimse, log as dimseLog, type requests, Scp } from 'dcmjs-dimse';
import type { DestinationConfig } from '../config/schema';
import { COMMAND, encodeResponse } from '../dicom/command-set';
import { GENERAL_STATUS } from '../dicom/statuses';
import { pDataHeader } from '../dicom/p-data';
import { IMPLEMENTATION } from '../dicom/uids';
import type { ErrorCode } from '../lib/error-codes';
import { RaunetError } from '../lib/errors';
import { type DimseResponse, isPending, type PeerRequest, readMessage } from './message';
import { connectTo, isTlsError, words } from './connect';
import { PDU, type Pdu, type Pdv, readPdus, splitPdvs } from './pdu';
import { rejection } from './status';

// It writes to the console by itself; all that it knows reaches our log as an error or an outcome.
dimseLog.disableAll(false);

/** Who we are towards a destination, and how a caller stops us. */
export interface ScuDeps {
  /** Our AE title where the destination names no other. */
  ourAe: string;
  signal?: AbortSignal | undefined;
}

/** Answers an N-EVENT-REPORT of the peer with the status that it resolves to (PS3.7 10.3.1). */
export type PeerRequestHandler = (request: PeerRequest) => Promise<number>;

/** Proposed with one transfer syntax each (PS3.8 9.3.2.2), so that accepted means: as the bytes are. */
export interface ProposedContext {
  abstractSyntax: string;
  transferSyntax: string;
  /** Left out: we are SCU. SCP: we bring a report on what the peer asked (PS3.7 D.3.3.4). */
  role?: 'SCP';
}

/** Bytes of an encoded data set, handed out in pieces of at most `size`. */
export interface DataSetBytes {
  length: number;
  chunks(size: number): AsyncIterable<Buffer> | Iterable<Buffer>;
}

/** An established association, one request at a time. Any failure ends it. */
export interface Association {
  readonly open: boolean;
  /** Whether the peer accepted `contexts[index]`. */
  accepts(index: number): boolean;
  /**
   * Sends a request on `contexts[index]`; resolves to its responses, the final one last. Throws
   * RAUNET_ASSOCIATION_ABORTED, or what reading `dataSet` throws.
   */
  invoke(request: requests.Request, index: number, dataSet?: DataSetBytes): Promise<DimseResponse[]>;
  /** Serves the peer's own requests for at most so long, or until `done`; then releases. Ends the association; never throws. */
  attend(seconds: number, done: () => boolean): Promise<void>;
  /** Releases, then destroys the socket; never throws. */
  close(): Promise<void>;
}

/** We announce and send at most this, bytes (PS3.8 D.1). */
const MAX_PDU = 131_072;
const RELEASE_SECONDS = 5;
/** We never ask for more than one match. */
const MAX_RESPONSES = 100;

/**
 * dcmjs-dimse exports its Network only as Scp. We use its coding of associations and commands; the socket is read
 * and written here, strictly in order, so that the end of a connection cannot overtake an answer that came before it.
 * Rests on two private methods: hence the exact pin.
 */
class Wire extends Scp {
  declare association: dimse.Association;
  declare _processPdu: (pdu: Buffer) => Promise<void>;
  _wrapSocket(): void {}
}

/** Throws RAUNET_DESTINATION_DOWN, RAUNET_TLS, RAUNET_CERTIFICATE*, RAUNET_ASSOCIATION_REJECTED, RAUNET_ASSOCIATION_BUSY. */
export async function openAssociation(
  destination: DestinationConfig,
  contexts: readonly ProposedContext[],
  { ourAe, signal }: ScuDeps,
  serve?: PeerRequestHandler,
): Promise<Association> {
  // Until the association stands nothing can have happened at the peer; after that nobody knows.
  let code: ErrorCode = 'RAUNET_DESTINATION_DOWN';
  const failure = (detail: string, as: ErrorCode = code): RaunetError =>
    new RaunetError(as, { stage: 'delivery', destination: destination.name, detail });

  const stopped = (): RaunetError =>
    failure('the service stopped the transfer', 'RAUNET_ASSOCIATION_ABORTED');
  if (signal?.aborted) throw stopped();

  const socket = await connectTo(destination);
  if (signal?.aborted) socket.destroy(stopped());
  socket.on('error', () => {}); // whoever waits finds it in socket.errored
  const stop = (): void => void socket.destroy(stopped());
  signal?.addEventListener('abort', stop, { once: true });
  socket.on('close', () => signal?.removeEventListener('abort', stop));

  /** Waits for `work` at most so long; whatever goes wrong ends the connection, and with it `work`. */
  const within = async <T>(seconds: number, late: string, work: Promise<T>): Promise<T> => {
    const timer = setTimeout(() => socket.destroy(failure(`${late} within ${seconds} s`)), seconds * 1000);
    try {
      return await work;
    } catch (thrown) {
      socket.destroy();
      // Reading by iteration ends with an AbortError in place of what went wrong in the loop.
      const error = socket.errored?.name === 'AbortError' ? thrown : (socket.errored ?? thrown);
      if (error instanceof RaunetError) throw error;
      // TLS 1.3: the peer's opinion of our certificate comes after the handshake, with the first bytes.
      if (code === 'RAUNET_DESTINATION_DOWN' && isTlsError(error, destination))
        throw failure((error as Error).message, 'RAUNET_TLS');
      throw failure(words(error));
    } finally {
      clearTimeout(timer);
    }
  };

  const pdus = readPdus(socket, MAX_PDU);
  const nextPdu = async (): Promise<Pdu> => {
    const { value, done } = await pdus.next();
    if (done) throw failure('the peer closed the connection');
    if (value.type === PDU.abort) throw failure('the peer aborted the association');
    return value;
  };
  async function* readPdvs(): AsyncGenerator<Pdv, never> {
    for (;;) {
      const pdu = await nextPdu();
      if (pdu.type !== PDU.data)
        throw failure(`the peer sent a PDU of type ${pdu.type} instead of an answer`);
      yield* splitPdvs(pdu);
    }
  }
  const pdvs = readPdvs();

  await within(destination.connectSeconds, 'no connection', once(socket, 'connect'));
  if (destination.tls) {
    code = 'RAUNET_TLS';
    await within(destination.connectSeconds, 'no TLS handshake', once(socket, 'secureConnect'));
    code = 'RAUNET_DESTINATION_DOWN';
  }
  const wire = new Wire(socket);
  wire.sendAssociationRequest(proposal(destination, contexts, ourAe));
  const answer = await within(destination.responseSeconds, 'no answer to the association request', nextPdu());
  if (answer.type !== PDU.associateAccept) {
    socket.destroy();
    if (answer.type !== PDU.associateReject)
      throw failure(`the peer answered with a PDU of type ${answer.type}`);
    const [result = 0, source = 0, reason = 0] = answer.bytes.subarray(7); // PS3.8 Table 9-21
    const rejected = rejection({ result, source, reason });
    throw failure(rejected.meaning, rejected.code);
  }
  await wire._processPdu(answer.bytes);
  code = 'RAUNET_ASSOCIATION_ABORTED';

  // 0 means no limit (PS3.8 D.1.1); 6 bytes of it are the PDV header; fragments are kept even.
  const chunkSize = Math.max((Math.min(wire.association.getMaxPduLength() || MAX_PDU, MAX_PDU) - 6) & ~1, 2);
  const write = async (index: number, command: boolean, bytes: DataSetBytes): Promise<void> => {
    let left = bytes.length;
    for await (const chunk of bytes.chunks(chunkSize)) {
      left -= chunk.length;
      socket.cork();
      socket.write(
        pDataHeader({ contextId: contextId(index), command, last: left <= 0, length: chunk.length }),
      );
      const taken = new Promise<void>((resolve, reject) => {
        socket.write(chunk, (error) => (error ? reject(error) : resolve()));
      });
      socket.uncork();
      await within(destination.responseSeconds, 'the peer took no data', taken);
    }
    if (left !== 0) throw failure('the file changed while it was sent', 'RAUNET_RESULT_MISSING');
  };

  /** The next response to us; what the peer asks meanwhile is answered. */
  const nextResponse = async (messageId: number): Promise<DimseResponse> => {
    for (;;) {
      const message = await readMessage(pdvs);
      if (message.kind === 'request') await answerPeer(message);
      else if (message.to === messageId) return message;
    }
  };
  let releasing = false;
  const answerPeer = async (request: PeerRequest): Promise<void> => {
    const status =
      serve !== undefined && request.field === COMMAND.nEventReportRq
        ? await serve(request)
        : GENERAL_STATUS.unrecognizedOperation.code;
    // After A-RELEASE-RQ nothing may be sent any more (PS3.8 Table 9-10, Sta7); the peer reports again elsewhere.
    if (releasing || socket.destroyed) return;
    await write((request.contextId - 1) / 2, true, inMemory(encodeResponse(request, status)));
  };

  const servePeer = async (done: () => boolean, release: () => void): Promise<never> => {
    for (;;) {
      if (done()) release();
      const message = await readMessage(pdvs);
      if (message.kind === 'request') await answerPeer(message);
    }
  };

  let messageId = 0;
  return {
    get open() {
      return !socket.destroyed;
    },

    accepts(index) {
      const context = wire.association.getPresentationContext(contextId(index));
      const syntax = context.getAcceptedTransferSyntaxUid();
      return context.getResult() === 0 && syntax === contexts[index]?.transferSyntax; // PS3.8 Table 9-18
    },

    async invoke(request, index, dataSet) {
      messageId += 1;
      request.setMessageId(messageId);
      const command = request.getCommandDataset();
      if (dataSet) command.getElements()['CommandDataSetType'] = 0x0202; // anything but 0101: PS3.7 E.1
      try {
        await write(index, true, inMemory(command.getDenaturalizedCommandDataset()));
        if (dataSet) await write(index, false, dataSet);
      } catch (error) {
        socket.destroy(); // the peer waits for the rest of a message
        throw error;
      }
      const responses: DimseResponse[] = [];
      for (;;) {
        const response = await within(destination.responseSeconds, 'no answer', nextResponse(messageId));
        if (responses.push(response) > MAX_RESPONSES)
          socket.destroy(failure('the peer does not stop answering'));
        if (!isPending(response.status)) return responses;
      }
    },

    async attend(seconds, done) {
      const release = (): void => {
        if (releasing || socket.destroyed) return;
        releasing = true;
        wire.sendAssociationReleaseRequest();
      };
      const late = setTimeout(release, seconds * 1000);
      try {
        await within(seconds + RELEASE_SECONDS, 'no release', servePeer(done, release));
      } catch {
        // The A-RELEASE-RP that ends the reading, or a peer that breaks off: its report may come on another association.
      } finally {
        clearTimeout(late);
        socket.destroy();
      }
    },

    async close() {
      try {
        if (socket.destroyed) return;
        wire.sendAssociationReleaseRequest();
        await within(Math.min(RELEASE_SECONDS, destination.responseSeconds), 'no release', nextPdu());
      } catch {
        // Every request has its answer: how the peer says good-bye changes nothing.
      } finally {
        socket.destroy();
      }
    },
  };
}

/** Presentation context ids are odd (PS3.8 9.3.2.2); dcmjs-dimse counts 1, 3, 5 too. */
const contextId = (index: number): number => 2 * index + 1;

function proposal(
  destination: DestinationConfig,
  contexts: readonly ProposedContext[],
  ourAe: string,
): dimse.Association {
  const proposed = new dimse.Association(destination.callingAe ?? ourAe, destination.aeTitle);
  proposed.setMaxPduLength(MAX_PDU);
  proposed.setImplementationClassUid(IMPLEMENTATION.classUid);
  proposed.setImplementationVersion(IMPLEMENTATION.versionName);
  for (const { abstractSyntax, transferSyntax, role } of contexts) {
    const id = proposed.addPresentationContext(abstractSyntax);
    if (role === 'SCP') {
      const context = proposed.getPresentationContext(id);
      context.setUserRole(false);
      context.setProviderRole(true);
    }
    proposed.addTransferSyntaxToPresentationContext(id, transferSyntax);
  }
  return proposed;
}

/** A data set that is in memory. */
export function inMemory(bytes: Buffer): DataSetBytes {
  return {
    length: bytes.length,
    *chunks(size) {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    },
  };
}

import { COMMAND, encodeResponse } from '../dicom/command-set';
import { toRaunetError } from '../lib/errors';
import { AssociationBroken, ProtocolError, ServiceStops } from './broken';
import { receiveInstance } from './c-store';
import { serveCommitment } from './commitment';
import type { Connection } from './connection';
import { quietly } from './hooks';
import { type Message, readMessage, skipDataSet } from './messages';
import type { Ending, PduStream } from './pdu-stream';
import type { Notices } from './notices';
import type { NegotiatedContext } from './presentation-contexts';
import { type Reporters, reporterKey } from './reporters';
import type { AssociationScp } from './scp';
import { type DimseStatus, STATUS, statusOf } from './statuses';
import type { ListenerDeps, Peer, Receipt, StudyTransfer } from './types';

export interface TransferDeps extends ListenerDeps {
  /** Aborted when the service stops. */
  closing: AbortSignal;
  /** Who may still be told on the association on which it asked. */
  reporters: Reporters;
}

/** An association that was accepted. */
export interface Transfer {
  peer: Peer;
  contexts: ReadonlyMap<number, NegotiatedContext>;
  pdus: PduStream;
  connection: Connection;
  scp: AssociationScp;
  notices: Notices;
  /** What became of it. */
  tally: { stored: number; failed: number; seriesUids: Set<string>; studies: Map<string, StudyTransfer> };
}

/** Answers one message after the other until the peer ends the association. Throws AssociationBroken. */
export async function transferData(transfer: Transfer, deps: TransferDeps): Promise<Ending> {
  const { contexts, pdus, connection, scp, notices } = transfer;
  let between = true;
  const stop = () => {
    if (between) connection.interrupt(new ServiceStops());
  };
  deps.closing.addEventListener('abort', stop);
  try {
    while (!deps.closing.aborted) {
      between = true;
      notices.between(true);
      const message = await readMessage(pdus);
      notices.between(false);
      between = false;
      if (typeof message === 'string') return message;
      const context = contexts.get(message.contextId);
      if (!context?.sopClass)
        throw new ProtocolError(`a message on context ${message.contextId}, which was not accepted`);
      const answer = await perform(message, context, transfer, deps);
      await skipDataSet(message);
      if (answer !== null)
        scp.say(
          message.contextId,
          encodeResponse(message.command, answer.status.code, answer.comment),
          'command',
        );
      await connection.heard();
    }
    throw new ServiceStops();
  } finally {
    deps.closing.removeEventListener('abort', stop);
  }
}

/** Null: nothing is answered. */
type Answer = { status: DimseStatus; comment?: string } | null;

async function perform(
  message: Message,
  context: NegotiatedContext,
  transfer: Transfer,
  deps: TransferDeps,
): Promise<Answer> {
  const { field } = message.command;
  const service = context.sopClass?.service;
  if (field === COMMAND.cStoreRq && service === 'C-STORE') return cStore(message, context, transfer, deps);
  if (field === COMMAND.cEchoRq && service === 'C-ECHO') return { status: STATUS.success };
  const { commitment } = deps;
  if (
    (field === COMMAND.nActionRq || field === COMMAND.nEventReportRq) &&
    service === 'N-ACTION' &&
    commitment !== undefined
  ) {
    const { peer, notices } = transfer;
    const accepted = ({ transactionUid }: { transactionUid: string }) =>
      deps.reporters.set(reporterKey(peer.callingAe, transactionUid), { context, notices });
    return serveCommitment(message, context, peer, accepted, { ...deps, commitment });
  }
  if ((field & COMMAND.response) !== 0) {
    transfer.notices.answered(message.command.messageId, message.command.status);
    return null;
  }
  if (field === COMMAND.cCancelRq) return null; // nothing of ours can be cancelled
  return { status: STATUS.unrecognizedOperation };
}

async function cStore(
  message: Message,
  context: NegotiatedContext,
  { peer, tally }: Transfer,
  deps: TransferDeps,
): Promise<Answer> {
  const { log, metrics } = deps;
  try {
    const receipt = await receiveInstance(message, context, peer, deps);
    const { sopInstanceUid, seriesUid, sizeBytes, duplicate } = receipt;
    tally.stored++;
    tally.seriesUids.add(seriesUid);
    count(receipt, peer, tally.studies, deps);
    quietly(log, () => metrics?.instance(sizeBytes));
    log.debug('instance stored', { stage: 'association', seriesUid, sopInstanceUid, sizeBytes, duplicate });
    return { status: STATUS.success };
  } catch (thrown) {
    if (thrown instanceof AssociationBroken) throw thrown;
    const error = toRaunetError(thrown, { stage: 'association' });
    const status = statusOf(error.code);
    tally.failed++;
    quietly(log, () => metrics?.failed(error.code));
    log.error(`instance refused, status ${status.code.toString(16).padStart(4, '0')}`, {
      stage: 'association',
      ...peer,
      error,
    });
    return { status, comment: error.code };
  }
}

/** Counts an instance for its study; the first one of a study is told of. */
function count(
  { studyUid, sopClassUid }: Receipt,
  peer: Peer,
  studies: Map<string, StudyTransfer>,
  { log, transferBegins }: TransferDeps,
): void {
  const study = studies.get(studyUid) ?? { studyUid, sopClasses: {} };
  study.sopClasses[sopClassUid] = (study.sopClasses[sopClassUid] ?? 0) + 1;
  if (studies.has(studyUid)) return;
  studies.set(studyUid, study);
  quietly(log, () => transferBegins?.(peer, { studyUid, sopClasses: { [sopClassUid]: 1 } }));
}

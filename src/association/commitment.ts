import { COMMAND } from '../dicom/command-set';
import {
  type CommitmentRequest,
  decodeCommitmentReport,
  decodeCommitmentRequest,
  failureStatus,
  STORAGE_COMMITMENT,
} from '../dicom/commitment';
import { RaunetError, toRaunetError } from '../lib/errors';
import { AssociationBroken } from './broken';
import type { Command } from './command';
import { quietly } from './hooks';
import type { Message } from './messages';
import type { NegotiatedContext } from './presentation-contexts';
import { type DimseStatus, STATUS, statusWithCode } from './statuses';
import type { CommitmentHandlers, ListenerDeps, Peer } from './types';

/** Twenty thousand references; longer lists are refused, for they are held in memory. */
const INFORMATION_LIMIT = 4 * 1024 * 1024;
/** Each piece costs memory of its own, however small. */
const PIECES_LIMIT = 64 * 1024;

interface Answer {
  status: DimseStatus;
  comment?: string;
}

/** N-ACTION (PS3.4 J.3.2) and N-EVENT-REPORT (J.3.3). `accepted`: called with the request that Success is answered to. */
export async function serveCommitment(
  message: Message,
  context: NegotiatedContext,
  peer: Peer,
  accepted: (request: CommitmentRequest) => void,
  deps: ListenerDeps & { commitment: CommitmentHandlers },
): Promise<Answer> {
  const { commitment, log, metrics } = deps;
  const { command } = message;
  const refused = objection(command);
  if (refused !== null) return { status: refused };
  try {
    const bytes = await information(message);
    if (command.field === COMMAND.nActionRq) {
      const request = decodeCommitmentRequest(bytes, context.transferSyntax);
      await commitment.requested(request, peer);
      accepted(request);
    } else await commitment.reported(decodeCommitmentReport(bytes, context.transferSyntax), peer);
    return { status: STATUS.success };
  } catch (thrown) {
    if (thrown instanceof AssociationBroken) throw thrown;
    const error = toRaunetError(thrown, { stage: 'association' });
    quietly(log, () => metrics?.failed(error.code));
    log.warn('storage commitment message refused', { stage: 'association', ...peer, error });
    return { status: statusWithCode(failureStatus(error.code)), comment: error.code };
  }
}

/** What the command alone tells is wrong (PS3.7 10.1.1.1.8, 10.1.4.1.10). */
function objection({ field, sopClassUid, sopInstanceUid, typeId }: Command): DimseStatus | null {
  if (sopClassUid !== STORAGE_COMMITMENT.sopClassUid) return STATUS.noSuchSopClass;
  if (sopInstanceUid !== STORAGE_COMMITMENT.sopInstanceUid) return STATUS.noSuchSopInstance;
  if (field === COMMAND.nActionRq)
    return typeId === STORAGE_COMMITMENT.actionType ? null : STATUS.noSuchActionType;
  const { success, failuresExist } = STORAGE_COMMITMENT.eventType;
  return typeId === success || typeId === failuresExist ? null : STATUS.noSuchEventType;
}

async function information(message: Message): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for (let bytes = await message.nextBytes(); bytes !== null; bytes = await message.nextBytes()) {
    length += bytes.length;
    if (length > INFORMATION_LIMIT || parts.push(bytes) > PIECES_LIMIT)
      throw new RaunetError('RAUNET_COMMITMENT_REQUEST', {
        detail: 'more than 4 MiB of references, or cut into more than 65536 pieces',
      });
  }
  return Buffer.concat(parts, length);
}

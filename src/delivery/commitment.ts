import { requests } from 'dcmjs-dimse';
import type { DestinationConfig } from '../config/schema';
import {
  type CommitmentReport,
  type CommitmentRequest,
  decodeCommitmentReport,
  encodeCommitmentReport,
  encodeCommitmentRequest,
  failureStatus,
  STORAGE_COMMITMENT,
} from '../dicom/commitment';
import { GENERAL_STATUS } from '../dicom/statuses';
import { TRANSFER_SYNTAX } from '../dicom/uids';
import type { ErrorCode } from '../lib/error-codes';
import { RaunetError, toRaunetError } from '../lib/errors';
import { type Association, inMemory, openAssociation, type ScuDeps } from './association';
import type { PeerRequest } from './message';
import { hex } from './status';

const { processingFailure, resourceLimitation } = GENERAL_STATUS;
const { sopClassUid, sopInstanceUid, actionType, eventType } = STORAGE_COMMITMENT;
const implicit = TRANSFER_SYNTAX.implicitLittleEndian;

/** Statuses of N-ACTION and N-EVENT-REPORT that may pass. */
const PASSING: readonly number[] = [processingFailure.code, resourceLimitation.code];

export interface RequestDeps extends ScuDeps {
  /** The destination has taken the request; from now on its report may be waited for. */
  accepted(): Promise<void>;
  /** A report that came on this association. What it throws becomes the status that the destination gets. */
  reported(report: CommitmentReport): Promise<void>;
}

/**
 * N-ACTION (PS3.4 J.3.2): asks a destination to commit to instances. The association stays open for its report for
 * `waitSeconds`; later it comes to our listener. Throws RAUNET_COMMITMENT_REFUSED, RAUNET_COMMITMENT_BUSY,
 * RAUNET_NOT_ACCEPTED and as openAssociation.
 */
export async function requestCommitment(
  destination: DestinationConfig,
  request: CommitmentRequest,
  waitSeconds: number,
  deps: RequestDeps,
): Promise<void> {
  let heard = false;
  const serve = async ({ dataSet }: PeerRequest): Promise<number> => {
    try {
      const report = decodeCommitmentReport(dataSet ?? Buffer.alloc(0), implicit);
      await deps.reported(report);
      heard ||= report.transactionUid === request.transactionUid;
      return 0x0000;
    } catch (thrown) {
      return failureStatus(toRaunetError(thrown).code);
    }
  };
  const contexts = [{ abstractSyntax: sopClassUid, transferSyntax: implicit }];
  const association = await openAssociation(destination, contexts, deps, serve);
  try {
    const action = new requests.NActionRequest(sopClassUid, sopInstanceUid, actionType);
    await ask(association, action, encodeCommitmentRequest(request, implicit), destination);
    await deps.accepted();
    await association.attend(waitSeconds, () => heard);
  } finally {
    await association.close();
  }
}

/** N-EVENT-REPORT (PS3.4 J.3.3) on an association of our own, on which we are SCP. Throws as requestCommitment. */
export async function reportCommitment(
  destination: DestinationConfig,
  report: CommitmentReport,
  deps: ScuDeps,
): Promise<void> {
  const contexts = [{ abstractSyntax: sopClassUid, transferSyntax: implicit, role: 'SCP' as const }];
  const association = await openAssociation(destination, contexts, deps);
  try {
    const type = report.failed.length === 0 ? eventType.success : eventType.failuresExist;
    const event = new requests.NEventReportRequest(sopClassUid, sopInstanceUid, type);
    await ask(association, event, encodeCommitmentReport(report, implicit), destination);
  } finally {
    await association.close();
  }
}

async function ask(
  association: Association,
  request: requests.Request,
  information: Buffer,
  { name }: DestinationConfig,
): Promise<void> {
  const failure = (code: ErrorCode, detail: string): RaunetError =>
    new RaunetError(code, { stage: 'delivery', destination: name, detail });
  if (!association.accepts(0)) throw failure('RAUNET_NOT_ACCEPTED', 'Storage Commitment Push Model');
  const responses = await association.invoke(request, 0, inMemory(information));
  const { status } = responses.at(-1)!;
  if (status === 0x0000) return;
  throw failure(
    PASSING.includes(status) ? 'RAUNET_COMMITMENT_BUSY' : 'RAUNET_COMMITMENT_REFUSED',
    `it was answered with ${hex(status)}`,
  );
}

import type { Pool } from 'pg';
import { ACCEPTED_SOP_CLASSES } from '../association/presentation-contexts';
import type { Listener, Peer } from '../association/types';
import { type Config, configSchema, type DestinationConfig } from '../config/schema';
import { reportCommitment } from '../delivery/commitment';
import {
  type CommitmentReport,
  type CommitmentRequest,
  FAILURE_REASON,
  type Reference,
} from '../dicom/commitment';
import { transaction } from '../jobs/pool';
import type { Job, Queues } from '../jobs/queue';
import { RaunetError, toRaunetError } from '../lib/errors';
import type { Log } from '../lib/log';
import {
  type CommitmentAsked,
  endCommitmentRequest,
  filesHeld,
  findCommitmentRequest,
  type HeldFile,
  recordCommitmentRequest,
} from '../records/commitment-requests';
import type { Spool } from '../spool/spool';
import { type ReportJob, REPORT_QUEUE, reportKey } from './queues';

export interface VouchDeps {
  config: Config;
  pool: Pool;
  queues: Queues;
  spool: Pick<Spool, 'verify'>;
  /** Throws RAUNET_FOLDER_FOREIGN where spool or results is not mounted. */
  checkFolders: () => Promise<void>;
  listener: Pick<Listener, 'report'>;
  log: Log;
}

/** A peer that waits for the report on its own association keeps it open for so long; others release it at once. */
const SAME_ASSOCIATION_SECONDS = 1;

/** For so many attempts, about eight minutes, a report waits for files that cannot be read. */
const PATIENT_ATTEMPTS = 5;

/** A peer asks whether we hold its instances (PS3.4 J.3.2): on record, with the job that reports. Throws RAUNET_DATABASE, RAUNET_COMMITMENT_REQUEST. */
export const commitmentRequested =
  ({ pool, queues, log }: Pick<VouchDeps, 'pool' | 'queues' | 'log'>) =>
  async (request: CommitmentRequest, { callingAe, calledAe, address }: Peer): Promise<void> => {
    const { transactionUid } = request;
    await transaction(pool, async (tx) => {
      await recordCommitmentRequest(tx, { ...request, callingAe, calledAe, callingAddress: address });
      const job: ReportJob = { callingAe, transactionUid };
      await queues.send(tx, REPORT_QUEUE, job, {
        key: reportKey(job),
        afterSeconds: SAME_ASSOCIATION_SECONDS,
      });
    });
    const instances = request.references.length;
    log.info('storage commitment asked of us', {
      stage: 'association',
      callingAe,
      transactionUid,
      instances,
    });
  };

/** A job of the report queue: looks at what we hold now, and tells the peer on its association or on one of our own. */
export async function report(job: Job<ReportJob>, deps: VouchDeps): Promise<void> {
  const { config, pool, listener, log } = deps;
  const asked = await findCommitmentRequest(pool, job.data);
  if (asked === null || asked.endedAt !== null) return transaction(pool, (tx) => job.complete(tx));
  const answer = await vouchFor(asked, job.attempt <= PATIENT_ATTEMPTS, deps);
  const sameAssociation = await listener.report(asked.callingAe, answer);
  if (!sameAssociation)
    await reportCommitment(addressOf(asked, config), answer, {
      ourAe: config.association.aeTitle,
      signal: job.signal,
    });
  await transaction(pool, async (tx) => {
    await endCommitmentRequest(tx, asked);
    await job.complete(tx);
  });
  log.info('storage commitment reported to the one who asked', {
    stage: 'association',
    callingAe: asked.callingAe,
    transactionUid: asked.transactionUid,
    committed: answer.committed.length,
    failed: answer.failed.length,
    sameAssociation,
  });
}

/** Tried too often: the peer may ask again. */
export const reportDead =
  ({ pool, log }: Pick<VouchDeps, 'pool' | 'log'>) =>
  async (asked: ReportJob, error: RaunetError): Promise<void> => {
    const request = await findCommitmentRequest(pool, asked);
    if (request !== null) await endCommitmentRequest(pool, request);
    log.error('a storage commitment report was given up', { stage: 'association', ...asked, error });
  };

/** Every file of the instance is read and has the bytes that were acknowledged: only then we vouch for it. */
async function vouchFor(
  { transactionUid, references }: CommitmentAsked,
  isPatient: boolean,
  deps: VouchDeps,
): Promise<CommitmentReport> {
  const answer: CommitmentReport = { transactionUid, committed: [], failed: [] };
  const held = new Map<string, HeldFile[]>();
  for (const file of await filesHeld(
    deps.pool,
    references.map(({ sopInstanceUid }) => sopInstanceUid),
  ))
    held.set(file.sopInstanceUid, [...(held.get(file.sopInstanceUid) ?? []), file]);
  for (const reference of references) {
    const reason = await objection(reference, held.get(reference.sopInstanceUid) ?? [], isPatient, deps);
    if (reason === null) answer.committed.push(reference);
    else answer.failed.push({ ...reference, reason });
  }
  return answer;
}

/** Failure Reason, PS3.3 Table C.14-1; null: held. */
async function objection(
  { sopClassUid, sopInstanceUid }: Reference,
  files: readonly HeldFile[],
  isPatient: boolean,
  { spool, checkFolders, log }: VouchDeps,
): Promise<number | null> {
  if (files.length === 0) {
    const stored = ACCEPTED_SOP_CLASSES.some(
      ({ uid, service }) => uid === sopClassUid && service === 'C-STORE',
    );
    return stored ? FAILURE_REASON.noSuchObjectInstance : FAILURE_REASON.sopClassNotSupported;
  }
  if (files.some((file) => file.sopClassUid !== sopClassUid)) return FAILURE_REASON.classInstanceConflict;
  if (files.some(({ lost }) => lost)) return FAILURE_REASON.noSuchObjectInstance;
  try {
    for (const { file, sha256 } of files) await spool.verify(file, sha256);
    return null;
  } catch (error) {
    // What cannot be read now may well be held: the report waits for it, but keeps no answer for the others for long.
    if (isPatient) {
      await checkFolders();
      if (toRaunetError(error).code === 'RAUNET_SPOOL_READ') throw error;
    }
    log.error('an instance cannot be vouched for', { stage: 'spool', sopInstanceUid, error });
    return FAILURE_REASON.processingFailure;
  }
}

/** A destination with the peer's AE title, else where association.allow says that it listens. Throws RAUNET_COMMITMENT_NO_ADDRESS. */
function addressOf(asked: CommitmentAsked, { delivery, association }: Config): DestinationConfig {
  const { callingAe, calledAe, callingAddress } = asked;
  const known = delivery.destinations.find(({ aeTitle }) => aeTitle.trim() === callingAe);
  if (known) return known;
  const port = association.allow.find((entry) => entry.callingAe.trim() === callingAe)?.reportPort;
  if (port === undefined)
    throw new RaunetError('RAUNET_COMMITMENT_NO_ADDRESS', { stage: 'association', detail: callingAe });
  const peer = { name: 'report', aeTitle: callingAe, host: callingAddress, port, callingAe: calledAe };
  return configSchema.parse({ delivery: { destinations: [peer] } }).delivery.destinations[0]!;
}

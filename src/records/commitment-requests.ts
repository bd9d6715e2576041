import type { Db, Tx } from '../jobs/pool';
import type { CommitmentRequest, Reference } from '../dicom/commitment';
import { RaunetError } from '../lib/errors';

/** What a peer asked: whether we hold these instances. */
export interface CommitmentAsked extends CommitmentRequest {
  callingAe: string;
  calledAe: string;
  callingAddress: string;
  /** How often it was asked. */
  times: number;
  /** When it was reported, or given up. */
  endedAt: Date | null;
}

/**
 * Records a request. The same one again is to be reported on again. Throws RAUNET_COMMITMENT_REQUEST where the peer used
 * the transaction UID for other instances.
 */
export async function recordCommitmentRequest(
  tx: Tx,
  asked: Omit<CommitmentAsked, 'endedAt' | 'times'>,
): Promise<void> {
  const { callingAe, transactionUid, calledAe, callingAddress, references } = asked;
  const { rowCount } = await tx.query(
    `INSERT INTO raunet.commitment_request AS known (calling_ae, transaction_uid, called_ae, calling_address, instances)
     VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (calling_ae, transaction_uid)
     DO UPDATE SET called_ae = excluded.called_ae, calling_address = excluded.calling_address, ended_at = NULL,
       times = known.times + 1
     WHERE known.instances = excluded.instances`,
    [callingAe, transactionUid, calledAe, callingAddress, JSON.stringify(references.map(plain))],
  );
  if (rowCount === 0)
    throw new RaunetError('RAUNET_COMMITMENT_REQUEST', {
      detail: `${callingAe} used transaction ${transactionUid} for other instances`,
    });
}

const plain = ({ sopClassUid, sopInstanceUid }: Reference): Reference => ({ sopClassUid, sopInstanceUid });

export async function findCommitmentRequest(
  db: Db,
  { callingAe, transactionUid }: { callingAe: string; transactionUid: string },
): Promise<CommitmentAsked | null> {
  const { rows } = await db.query(
    `SELECT calling_ae AS "callingAe", transaction_uid AS "transactionUid", called_ae AS "calledAe",
       calling_address AS "callingAddress", instances AS "references", times, ended_at AS "endedAt"
     FROM raunet.commitment_request WHERE calling_ae = $1 AND transaction_uid = $2`,
    [callingAe, transactionUid],
  );
  return (rows[0] as CommitmentAsked | undefined) ?? null;
}

/** It is reported, or given up; not where the same was asked again meanwhile. */
export async function endCommitmentRequest(
  db: Db,
  { callingAe, transactionUid, times }: Pick<CommitmentAsked, 'callingAe' | 'transactionUid' | 'times'>,
): Promise<void> {
  await db.query(
    `UPDATE raunet.commitment_request SET ended_at = now()
     WHERE calling_ae = $1 AND transaction_uid = $2 AND times = $3`,
    [callingAe, transactionUid, times],
  );
}

/** Every file that we have on record under a SOP Instance UID: more than one where other bytes came under it. */
export interface HeldFile {
  sopInstanceUid: string;
  sopClassUid: string;
  file: string;
  sha256: string;
  lost: boolean;
}

export async function filesHeld(db: Db, sopInstanceUids: readonly string[]): Promise<HeldFile[]> {
  const { rows } = await db.query(
    `SELECT sop_instance_uid AS "sopInstanceUid", sop_class_uid AS "sopClassUid", file, sha256, lost
     FROM raunet.instance WHERE sop_instance_uid = ANY($1)`,
    [sopInstanceUids],
  );
  return rows as HeldFile[];
}

/** Requests that are to be reported on, oldest first: each must have a job. */
export async function openRequests(db: Db): Promise<{ callingAe: string; transactionUid: string }[]> {
  const { rows } = await db.query(
    `SELECT calling_ae AS "callingAe", transaction_uid AS "transactionUid" FROM raunet.commitment_request
     WHERE ended_at IS NULL ORDER BY received_at`,
  );
  return rows as { callingAe: string; transactionUid: string }[];
}

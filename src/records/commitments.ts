import type { Db, Tx } from '../jobs/pool';
import type { CommitmentReport } from '../dicom/commitment';
import { RaunetError } from '../lib/errors';
import { RESULT_COLUMNS } from './columns';
import type { DeliveryKey } from './delivery-state';
import type { ResultRecord } from './types';

const keyOf = ({ sourceSeriesUid, revision, destination }: DeliveryKey) => [
  sourceSeriesUid,
  revision,
  destination,
];

/** Results of a delivery, of these kinds, that its destination has not committed to; all of them where it was never asked. */
export async function uncommittedResults(
  db: Db,
  key: DeliveryKey,
  kinds: readonly ResultRecord['kind'][],
): Promise<ResultRecord[]> {
  const { rows } = await db.query(
    `SELECT ${RESULT_COLUMNS} FROM raunet.result WHERE source_series_uid = $1 AND revision = $2
       AND kind = ANY($4) AND sop_instance_uid NOT IN (
         SELECT sop_instance_uid FROM raunet.commitment_instance JOIN raunet.commitment USING (transaction_uid)
         WHERE source_series_uid = $1 AND revision = $2 AND destination = $3 AND outcome = 0)
     ORDER BY kind, sop_instance_uid`,
    [...keyOf(key), kinds],
  );
  return rows as ResultRecord[];
}

/** On record before the destination hears of it: whatever comes between, its report is known. */
export async function openCommitment(
  tx: Tx,
  key: DeliveryKey,
  transactionUid: string,
  results: readonly { sopInstanceUid: string }[],
): Promise<void> {
  await tx.query(
    `INSERT INTO raunet.commitment (transaction_uid, source_series_uid, revision, destination, round)
     SELECT $4, source_series_uid, revision, destination, round FROM raunet.delivery
     WHERE source_series_uid = $1 AND revision = $2 AND destination = $3`,
    [...keyOf(key), transactionUid],
  );
  await tx.query(
    'INSERT INTO raunet.commitment_instance (transaction_uid, sop_instance_uid) SELECT $1, unnest($2::text[])',
    [transactionUid, results.map(({ sopInstanceUid }) => sopInstanceUid)],
  );
}

export async function acceptCommitment(db: Db, transactionUid: string): Promise<void> {
  await db.query('UPDATE raunet.commitment SET accepted_at = now() WHERE transaction_uid = $1', [
    transactionUid,
  ]);
}

/** How often the destination took a request since the objects were last sent. */
export async function acceptedRequests(db: Db, key: DeliveryKey): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM raunet.commitment
     JOIN raunet.delivery USING (source_series_uid, revision, destination, round)
     WHERE source_series_uid = $1 AND revision = $2 AND destination = $3 AND accepted_at IS NOT NULL`,
    keyOf(key),
  );
  return rows[0]!.count;
}

export interface Reported {
  key: DeliveryKey;
  /** Of instances that the destination does not have or did not mention, what it said; -1: did not mention. */
  failures: { sopInstanceUid: string; reason: number }[];
  /** No later request was made for this delivery: a failure counts. */
  newest: boolean;
}

/**
 * Records what a destination reports and holds the row of the series. Repeated reports change nothing that was
 * committed. Throws RAUNET_COMMITMENT_UNKNOWN.
 */
export async function recordReport(tx: Tx, report: CommitmentReport): Promise<Reported> {
  const { transactionUid, committed, failed } = report;
  const found = await tx.query<DeliveryKey & { newest: boolean }>(
    `SELECT source_series_uid AS "sourceSeriesUid", revision, destination,
       NOT EXISTS (SELECT FROM raunet.commitment later WHERE later.requested_at > this.requested_at
         AND (later.source_series_uid, later.revision, later.destination) =
             (this.source_series_uid, this.revision, this.destination)) AS newest
     FROM raunet.commitment this WHERE transaction_uid = $1`,
    [transactionUid],
  );
  const row = found.rows[0];
  if (!row) throw new RaunetError('RAUNET_COMMITMENT_UNKNOWN', { detail: `transaction ${transactionUid}` });
  const { newest, ...key } = row;
  await tx.query('SELECT FROM raunet.series WHERE series_uid = $1 FOR UPDATE', [key.sourceSeriesUid]);
  await tx.query(
    'UPDATE raunet.commitment SET reported_at = coalesce(reported_at, now()) WHERE transaction_uid = $1',
    [transactionUid],
  );
  const outcomes = [
    ...failed.map(({ sopInstanceUid, reason }) => ({ sopInstanceUid, outcome: reason || 0x0110 })),
    ...committed.map(({ sopInstanceUid }) => ({ sopInstanceUid, outcome: 0 })),
  ];
  await tx.query(
    `UPDATE raunet.commitment_instance this SET outcome = said.outcome
     FROM unnest($2::text[], $3::int[]) AS said (sop_instance_uid, outcome)
     WHERE transaction_uid = $1 AND this.sop_instance_uid = said.sop_instance_uid AND this.outcome IS DISTINCT FROM 0`,
    [transactionUid, outcomes.map((each) => each.sopInstanceUid), outcomes.map((each) => each.outcome)],
  );
  const { rows } = await tx.query<{ sopInstanceUid: string; reason: number }>(
    `SELECT sop_instance_uid AS "sopInstanceUid", coalesce(outcome, -1) AS reason FROM raunet.commitment_instance
     WHERE transaction_uid = $1 AND outcome IS DISTINCT FROM 0 ORDER BY 1`,
    [transactionUid],
  );
  return { key, failures: rows, newest };
}

/** The objects are to be sent once more; returns for the how many-th time. */
export async function nextRound(tx: Tx, key: DeliveryKey): Promise<number> {
  const { rows } = await tx.query<{ round: number }>(
    `UPDATE raunet.delivery SET round = round + 1
     WHERE source_series_uid = $1 AND revision = $2 AND destination = $3 RETURNING round`,
    keyOf(key),
  );
  return rows[0]!.round;
}

/** An operator begins anew: requests and sendings from before count no more (round -1); a late report on one still does. */
export async function firstRound(tx: Tx, key: DeliveryKey): Promise<void> {
  const where = 'WHERE source_series_uid = $1 AND revision = $2 AND destination = $3';
  await tx.query(`UPDATE raunet.delivery SET round = 0 ${where}`, keyOf(key));
  await tx.query(`UPDATE raunet.commitment SET round = -1 ${where}`, keyOf(key));
}

import type { Db, Tx } from '../jobs/pool';
import { RaunetError } from '../lib/errors';
import { RESULT_COLUMNS } from './columns';
import { addDeliveries, moveDeliveries } from './delivery-state';
import { changeState } from './state';
import type { ResultRecord } from './types';

export type NewResult = Omit<ResultRecord, 'sourceSeriesUid' | 'revision' | 'createdAt'>;

/** What an analysis made; its files are durable already. */
export interface AnalysisResults {
  seriesUid: string;
  revision: number;
  results: readonly NewResult[];
  /** Names; each gets a delivery that waits. */
  destinations: readonly string[];
}

/**
 * Records results and their deliveries: result -> delivery, or failed where no destination is known. Deliveries of older
 * revisions that still wait, or wait for an operator, are superseded. Throws RAUNET_SUPERSEDED, RAUNET_CANCELLED, and
 * RAUNET_RESULT where a UID is on record with other bytes.
 */
export async function saveResults(
  tx: Tx,
  { seriesUid, revision, results, destinations }: AnalysisResults,
): Promise<void> {
  const unknown = new RaunetError('RAUNET_DESTINATION_UNKNOWN', { seriesUid });
  await changeState(
    tx,
    seriesUid,
    destinations.length > 0
      ? {
          to: 'delivery',
          revision,
          sentence: `${results.length} results wait for ${destinations.join(', ')}.`,
        }
      : { to: 'failed', code: unknown.code, revision, sentence: unknown.message },
  );
  for (const result of results) {
    await refuseOtherBytes(tx, seriesUid, result);
    await tx.query(
      `INSERT INTO raunet.result (source_series_uid, revision, sop_instance_uid, sop_class_uid, transfer_syntax_uid, kind,
         series_uid, file, sha256) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
      [
        seriesUid,
        revision,
        result.sopInstanceUid,
        result.sopClassUid,
        result.transferSyntaxUid,
        result.kind,
        result.seriesUid,
        result.file,
        result.sha256,
      ],
    );
  }
  const older = { sourceSeriesUid: seriesUid, before: revision };
  for (const from of ['waiting', 'dead'] as const)
    await moveDeliveries(tx, older, { from, to: 'superseded' });
  await addDeliveries(tx, { sourceSeriesUid: seriesUid, revision }, destinations);
}

/** Other bytes under one UID never leave the house: a PACS would show the old ones, or both. */
async function refuseOtherBytes(tx: Tx, seriesUid: string, result: NewResult): Promise<void> {
  const known = await findResult(tx, result.sopInstanceUid);
  if (known && known.sha256 !== result.sha256)
    throw new RaunetError('RAUNET_RESULT', {
      seriesUid,
      sopInstanceUid: result.sopInstanceUid,
      detail: `the ${result.kind} is on record with other bytes`,
    });
}

/** The result with this SOP Instance UID: its bytes are to be used again, whatever a second analysis would encode. */
export async function findResult(db: Db, sopInstanceUid: string): Promise<ResultRecord | null> {
  const { rows } = await db.query(
    `SELECT ${RESULT_COLUMNS} FROM raunet.result WHERE sop_instance_uid = $1 ORDER BY created_at LIMIT 1`,
    [sopInstanceUid],
  );
  return (rows[0] as ResultRecord | undefined) ?? null;
}

/** What is to be sent of one revision. */
export async function resultsOf(db: Db, seriesUid: string, revision: number): Promise<ResultRecord[]> {
  const { rows } = await db.query(
    `SELECT ${RESULT_COLUMNS} FROM raunet.result WHERE source_series_uid = $1 AND revision = $2 ORDER BY kind, sop_instance_uid`,
    [seriesUid, revision],
  );
  return rows as ResultRecord[];
}

import type { Tx } from '../jobs/pool';
import type { ErrorCode } from '../lib/error-codes';
import { RaunetError } from '../lib/errors';
import { addEvent, changeState } from './state';
import type { DeliveryState, SeriesState } from './types';

/** All results of one revision to one destination. */
export interface DeliveryKey {
  sourceSeriesUid: string;
  revision: number;
  destination: string;
}

const TRANSITIONS: Record<DeliveryState, readonly DeliveryState[]> = {
  waiting: ['waiting', 'sent', 'dead', 'superseded'],
  // Sent is sent: a job that runs twice says so twice.
  sent: ['sent'],
  dead: ['dead', 'waiting'],
  superseded: ['superseded'],
};

/** Begins an attempt. False where nothing is to be sent any more: sent, dead, cancelled, superseded. */
export async function beginDelivery(tx: Tx, key: DeliveryKey): Promise<boolean> {
  const { rowCount } = await tx.query(
    `UPDATE raunet.delivery SET attempts = attempts + 1, updated_at = now()
     WHERE source_series_uid = $1 AND revision = $2 AND destination = $3 AND state = 'waiting'`,
    [key.sourceSeriesUid, key.revision, key.destination],
  );
  return rowCount === 1;
}

/**
 * The one setter of a delivery's state. `waiting` with an error: the attempt failed and is repeated. When the last
 * delivery of the newest revision has ended, so has the series: done, refused (a refusal was reported) or failed.
 * Throws RAUNET_STATE.
 */
export async function setDelivery(
  tx: Tx,
  key: DeliveryKey,
  state: DeliveryState,
  error?: RaunetError,
): Promise<void> {
  const { sourceSeriesUid: seriesUid, revision, destination } = key;
  // First the series' row, as everywhere, so that no two transactions wait for each other.
  const series = await tx.query<{ state: SeriesState; revision: number }>(
    'SELECT state, revision FROM raunet.series WHERE series_uid = $1 FOR UPDATE',
    [seriesUid],
  );
  const { rows } = await tx.query<{ state: DeliveryState }>(
    'SELECT state FROM raunet.delivery WHERE source_series_uid = $1 AND revision = $2 AND destination = $3 FOR UPDATE',
    [seriesUid, revision, destination],
  );
  const before = rows[0]?.state;
  if (!before || !TRANSITIONS[before].includes(state))
    throw new RaunetError('RAUNET_STATE', {
      seriesUid,
      destination,
      detail: `delivery ${before} -> ${state}`,
    });
  await tx.query(
    `UPDATE raunet.delivery SET state = $4, code = $5, reason = $6, updated_at = now()
     WHERE source_series_uid = $1 AND revision = $2 AND destination = $3`,
    [seriesUid, revision, destination, state, error?.code ?? null, error?.message ?? null],
  );
  if (state === before) return;
  await addEvent(tx, seriesUid, {
    code: error?.code ?? null,
    sentence: `Delivery of revision ${revision} to ${destination}: ${state}${error ? ` (${error.message})` : ''}.`,
  });
  const now = series.rows[0]!;
  if (now.state === 'delivery' && now.revision === revision) await endSeries(tx, key);
}

async function endSeries(tx: Tx, { sourceSeriesUid: seriesUid, revision }: DeliveryKey): Promise<void> {
  const { rows } = await tx.query<{ state: DeliveryState; code: ErrorCode | null; reason: string | null }>(
    `SELECT state, code, reason FROM raunet.delivery WHERE source_series_uid = $1 AND revision = $2
     ORDER BY destination`,
    [seriesUid, revision],
  );
  if (rows.some(({ state }) => state === 'waiting')) return;
  const dead = rows.find(({ state }) => state === 'dead');
  if (dead) {
    await changeState(tx, seriesUid, {
      to: 'failed',
      code: dead.code ?? 'RAUNET_INTERNAL',
      sentence: dead.reason ?? '',
    });
    return;
  }
  const series = await tx.query<{ code: ErrorCode | null; reason: string | null }>(
    'SELECT refusal_code AS code, refusal_reason AS reason FROM raunet.series WHERE series_uid = $1',
    [seriesUid],
  );
  const { code, reason } = series.rows[0]!;
  if (code) await changeState(tx, seriesUid, { to: 'refused', code, sentence: reason ?? '' });
  else await changeState(tx, seriesUid, { to: 'done', sentence: 'Every destination has the results.' });
}

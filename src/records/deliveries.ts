import type { Tx } from '../jobs/pool';
import { ERRORS, type ErrorCode } from '../lib/error-codes';
import { RaunetError } from '../lib/errors';
import { addEvent, changeState } from './state';
import type { DeliveryState, SeriesState } from './types';

/** All results of one revision to one destination. */
export interface DeliveryKey {
  sourceSeriesUid: string;
  revision: number;
  destination: string;
}

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
 * The one setter of a delivery's state. `waiting` with an error: the attempt failed and is repeated. A delivery that has
 * ended (cancelled, superseded) while an attempt was under way stays so, unless that attempt succeeded: sent is sent.
 * When the last delivery of the newest revision has ended, so has the series: done, with the code of a reported refusal
 * or failure, or failed with the code of a dead delivery. Throws RAUNET_STATE for an unknown delivery.
 */
export async function setDelivery(
  tx: Tx,
  key: DeliveryKey,
  state: 'waiting' | 'sent' | 'dead',
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
  if (!before)
    throw new RaunetError('RAUNET_STATE', {
      seriesUid,
      destination,
      detail: `no delivery of revision ${revision}`,
    });
  if (before === 'sent' || (before !== 'waiting' && state !== 'sent')) return;
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
  if (code) {
    const to = ERRORS[code].class === 'permanent' ? 'refused' : 'failed';
    await changeState(tx, seriesUid, { to, code, sentence: reason ?? '' });
  } else await changeState(tx, seriesUid, { to: 'done', sentence: 'Every destination has the results.' });
}

import type { Tx } from '../jobs/pool';
import { ERRORS, type ErrorCode } from '../lib/error-codes';
import { RaunetError } from '../lib/errors';
import { type DeliveryKey, moveDeliveries, TRANSITIONS } from './delivery-state';
import { addEvent, changeState } from './state';
import type { DeliveryState, SeriesState } from './types';

/** What a delivery job is to do next; null: the delivery has ended (sent, delivered, dead, cancelled, superseded). */
export type DeliveryStep = 'send' | 'ask for commitment' | null;

/** Begins an attempt. */
export async function beginDelivery(tx: Tx, key: DeliveryKey): Promise<DeliveryStep> {
  const { rows } = await tx.query<{ state: DeliveryState }>(
    `UPDATE raunet.delivery SET attempts = attempts + (state = 'waiting')::int, updated_at = now()
     WHERE source_series_uid = $1 AND revision = $2 AND destination = $3 AND state IN ('waiting', 'stored')
     RETURNING state`,
    [key.sourceSeriesUid, key.revision, key.destination],
  );
  if (rows[0] === undefined) return null;
  return rows[0].state === 'waiting' ? 'send' : 'ask for commitment';
}

/** Its row is held until `tx` ends. Null: unknown. */
export async function deliveryState(tx: Tx, key: DeliveryKey): Promise<DeliveryState | null> {
  const { rows } = await tx.query<{ state: DeliveryState }>(
    'SELECT state FROM raunet.delivery WHERE source_series_uid = $1 AND revision = $2 AND destination = $3 FOR UPDATE',
    [key.sourceSeriesUid, key.revision, key.destination],
  );
  return rows[0]?.state ?? null;
}

/**
 * What came of a delivery; false where TRANSITIONS has no such step, and nothing was changed. `waiting` with an error: the
 * attempt failed and is repeated. When the last delivery of the newest revision has ended, so has the series: done, with
 * the code of a reported refusal or failure, or failed with the code of a dead delivery. Throws RAUNET_STATE for an
 * unknown delivery.
 */
export async function setDelivery(
  tx: Tx,
  key: DeliveryKey,
  state: DeliveryState,
  error?: RaunetError,
): Promise<boolean> {
  const { sourceSeriesUid: seriesUid, revision, destination } = key;
  // First the series' row, as everywhere, so that no two transactions wait for each other.
  const series = await tx.query<{ state: SeriesState; revision: number }>(
    'SELECT state, revision FROM raunet.series WHERE series_uid = $1 FOR UPDATE',
    [seriesUid],
  );
  const before = await deliveryState(tx, key);
  if (before === null)
    throw new RaunetError('RAUNET_STATE', {
      seriesUid,
      destination,
      detail: `no delivery of revision ${revision}`,
    });
  if (!TRANSITIONS[before].includes(state)) return false;
  const only = { sourceSeriesUid: seriesUid, revision, destinations: [destination] };
  await moveDeliveries(tx, only, { from: before, to: state }, error);
  if (state === before) return true;
  await addEvent(tx, seriesUid, {
    code: error?.code ?? null,
    sentence: `Delivery of revision ${revision} to ${destination}: ${state}${error ? ` (${error.message})` : ''}.`,
  });
  const now = series.rows[0]!;
  if (now.revision !== revision) return true;
  // Given up, and arrived after all: a report on an earlier request for commitment.
  if (now.state === 'failed' && state === 'delivered') {
    const sentence = `${destination} has committed to the results after all.`;
    await changeState(tx, seriesUid, { to: 'delivery', sentence });
  } else if (now.state !== 'delivery') return true;
  await endSeries(tx, key);
  return true;
}

/** A series in `delivery` ends when no delivery of its revision waits any more. */
export async function endSeries(
  tx: Tx,
  { sourceSeriesUid: seriesUid, revision }: Omit<DeliveryKey, 'destination'>,
): Promise<void> {
  const { rows } = await tx.query<{ state: DeliveryState; code: ErrorCode | null; reason: string | null }>(
    `SELECT state, code, reason FROM raunet.delivery WHERE source_series_uid = $1 AND revision = $2
     ORDER BY destination`,
    [seriesUid, revision],
  );
  if (rows.some(({ state }) => state === 'waiting' || state === 'stored')) return;
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

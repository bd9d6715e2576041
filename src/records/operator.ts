import type { Priority } from '../config/schema';
import type { Tx } from '../jobs/pool';
import type { ErrorCode } from '../lib/error-codes';
import { RaunetError } from '../lib/errors';
import { endSeries } from './deliveries';
import { moveDeliveries } from './delivery-state';
import { forgetResults } from './erase';
import { type Destinations, deadDeliveries, redeliver } from './redeliver';
import { addEvent, changeState, isEnd } from './state';
import type { SeriesState } from './types';

/** What is to be enqueued in the same transaction. */
export type Retry =
  | { kind: 'analyse' }
  /** The results stand; only these destinations lack them. */
  | { kind: 'deliver'; revision: number; destinations: string[] };

/**
 * An operator's retry of an ended series: of its dead deliveries where it has some and what they lack is there, or of
 * results that had no destination; of the analysis otherwise, also of what came since. `by`: who, for the history. Throws
 * RAUNET_STATE where the series is at work or unknown, or where retention erased it and nothing came since, and
 * RAUNET_DESTINATION_UNKNOWN.
 */
export async function retrySeries(
  tx: Tx,
  seriesUid: string,
  by: string,
  destinations: Destinations,
): Promise<Retry> {
  const { state, code, revision, changed, erased } = await lock(tx, seriesUid);
  if (!isEnd(state))
    throw new RaunetError('RAUNET_STATE', {
      seriesUid,
      detail: `it is in ${state}; retry is for ended series`,
    });
  if (erased)
    throw new RaunetError('RAUNET_STATE', {
      seriesUid,
      detail: 'retention has erased its files and results; send the series again',
    });
  const key = { sourceSeriesUid: seriesUid, revision };
  const dead = await deadDeliveries(tx, key);
  const actor = 'operator';
  const resultsLost = dead.some((delivery) => delivery.code === 'RAUNET_RESULT_MISSING');
  if (resultsLost) await forgetResults(tx, seriesUid);
  const unsent = dead.length > 0 || code === 'RAUNET_DESTINATION_UNKNOWN';
  if (resultsLost || changed || !unsent) {
    await changeState(tx, seriesUid, { to: 'spool', actor, sentence: `${by} asked for a new analysis.` });
    return { kind: 'analyse' };
  }
  const to = await redeliver(tx, key, dead, destinations);
  const sentence = `${by} asked to deliver again to ${to.join(', ') || 'the destinations of now, which have the results'}.`;
  await changeState(tx, seriesUid, { to: 'delivery', actor, sentence });
  await endSeries(tx, key);
  return { kind: 'deliver', revision, destinations: to };
}

/** An operator stops a series at work; what waits for delivery is not sent, commitment is not asked for. Throws RAUNET_STATE where it has ended. */
export async function cancelSeries(tx: Tx, seriesUid: string, by: string): Promise<void> {
  const error = new RaunetError('RAUNET_CANCELLED', { seriesUid });
  await changeState(tx, seriesUid, {
    to: 'cancelled',
    code: error.code,
    actor: 'operator',
    sentence: `${by} cancelled the series.`,
  });
  const all = { sourceSeriesUid: seriesUid };
  await moveDeliveries(tx, all, { from: 'stored', to: 'sent' });
  await moveDeliveries(tx, all, { from: 'waiting', to: 'dead' }, error);
}

/** Of this series from now on; the caller changes its waiting jobs. Throws RAUNET_STATE for an unknown series. */
export async function changePriority(
  tx: Tx,
  seriesUid: string,
  priority: Priority,
  by: string,
): Promise<void> {
  await lock(tx, seriesUid);
  await tx.query('UPDATE raunet.series SET priority = $2, updated_at = now() WHERE series_uid = $1', [
    seriesUid,
    priority,
  ]);
  await addEvent(tx, seriesUid, {
    code: null,
    actor: 'operator',
    sentence: `${by} set the priority to ${priority}.`,
  });
}

interface Locked {
  state: SeriesState;
  code: ErrorCode | null;
  revision: number;
  /** Instances came that no revision holds yet. */
  changed: boolean;
  /** By retention, and nothing came since. */
  erased: boolean;
}

async function lock(tx: Tx, seriesUid: string): Promise<Locked> {
  const { rows } = await tx.query<Locked>(
    `SELECT state, code, revision, changed, erased_at IS NOT NULL AND instances = 0 AS erased
     FROM raunet.series WHERE series_uid = $1 FOR UPDATE`,
    [seriesUid],
  );
  if (!rows[0]) throw new RaunetError('RAUNET_STATE', { seriesUid, detail: 'unknown series' });
  return rows[0];
}

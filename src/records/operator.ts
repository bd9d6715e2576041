import type { Priority } from '../config/schema';
import type { Tx } from '../jobs/pool';
import type { ErrorCode } from '../lib/error-codes';
import { RaunetError } from '../lib/errors';
import { firstRound } from './commitments';
import { moveDeliveries } from './delivery-state';
import { forgetResults } from './erase';
import { addEvent, changeState, isEnd } from './state';
import type { SeriesState } from './types';

/** What is to be enqueued in the same transaction. */
export type Retry =
  | { kind: 'analyse' }
  /** The results stand; only these destinations lack them. */
  | { kind: 'deliver'; revision: number; destinations: string[] };

/**
 * An operator's retry of an ended series: of its dead deliveries where it has some and what they lack is there, of the
 * analysis otherwise, also of what came since. `by`: who, for the history. Throws RAUNET_STATE where the series is at
 * work or unknown, or where retention erased it and nothing came since.
 */
export async function retrySeries(tx: Tx, seriesUid: string, by: string): Promise<Retry> {
  const { state, revision, changed, erased } = await lock(tx, seriesUid);
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
  const { rows: dead } = await tx.query<{ destination: string; code: ErrorCode | null }>(
    `SELECT destination, code FROM raunet.delivery WHERE source_series_uid = $1 AND revision = $2 AND state = 'dead'
     ORDER BY destination`,
    [seriesUid, revision],
  );
  const actor = 'operator';
  const resultsLost = dead.some(({ code }) => code === 'RAUNET_RESULT_MISSING');
  if (resultsLost) await forgetResults(tx, seriesUid);
  if (resultsLost || changed || dead.length === 0) {
    await changeState(tx, seriesUid, { to: 'spool', actor, sentence: `${by} asked for a new analysis.` });
    return { kind: 'analyse' };
  }
  const destinations = await moveDeliveries(
    tx,
    { sourceSeriesUid: seriesUid, revision },
    { from: 'dead', to: 'waiting' },
  );
  for (const destination of destinations)
    await firstRound(tx, { sourceSeriesUid: seriesUid, revision, destination });
  const sentence = `${by} asked to deliver again to ${destinations.join(', ')}.`;
  await changeState(tx, seriesUid, { to: 'delivery', actor, sentence });
  return { kind: 'deliver', revision, destinations };
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
  revision: number;
  /** Instances came that no revision holds yet. */
  changed: boolean;
  /** By retention, and nothing came since. */
  erased: boolean;
}

async function lock(tx: Tx, seriesUid: string): Promise<Locked> {
  const { rows } = await tx.query<Locked>(
    `SELECT state, revision, changed, erased_at IS NOT NULL AND instances = 0 AS erased
     FROM raunet.series WHERE series_uid = $1 FOR UPDATE`,
    [seriesUid],
  );
  if (!rows[0]) throw new RaunetError('RAUNET_STATE', { seriesUid, detail: 'unknown series' });
  return rows[0];
}

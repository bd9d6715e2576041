import type { Tx } from '../jobs/pool';
import type { ErrorCode } from '../lib/error-codes';
import { RaunetError } from '../lib/errors';
import type { SeriesEvent, SeriesState } from './types';

const ENDS = ['done', 'refused', 'failed', 'cancelled'] as const satisfies readonly SeriesState[];

/** Out of every stage: a late instance, a refusal, a failure, an operator. */
const OUT = ['spool', 'refused', 'failed', 'cancelled'] as const satisfies readonly SeriesState[];

/**
 * From -> to. A stage that an analysis ran through already may be entered again: the job that died there begins anew
 * at `volume`. An end leads back to `spool` (a late instance, an operator's retry) or to `delivery` (retry of sending).
 */
const TRANSITIONS: Record<SeriesState, readonly SeriesState[]> = {
  spool: ['series', 'failed', 'cancelled'],
  series: ['volume', 'result', ...OUT],
  volume: ['volume', 'tensor', 'result', ...OUT],
  tensor: ['volume', 'inference', 'result', ...OUT],
  inference: ['volume', 'mask', 'result', ...OUT],
  mask: ['volume', 'result', ...OUT],
  // Again: results that cannot be kept give way to the report that says so.
  result: ['volume', 'result', 'delivery', ...OUT],
  delivery: ['done', ...OUT],
  done: ['spool'],
  refused: ['spool', 'delivery'],
  failed: ['spool', 'delivery'],
  cancelled: ['spool', 'delivery'],
};

export const isEnd = (state: SeriesState): boolean => (ENDS as readonly SeriesState[]).includes(state);

export interface StateChange {
  to: SeriesState;
  /** Why, in one sentence for the history. */
  sentence: string;
  /**
   * Of an error or a refusal; `sentence` is then the reason that stands in the series' row. Entering `result` with a
   * code: what is to be delivered is the report that says so, and the series ends with that code after it.
   */
  code?: ErrorCode;
  actor?: SeriesEvent['actor'];
  /** Of an analysis: it may change the state only while its revision is the newest and nobody stopped it. */
  revision?: number;
}

/**
 * The one setter of a series' state; writes the event. Returns the state before.
 * Throws RAUNET_STATE (no such step), and for an analysis RAUNET_SUPERSEDED or RAUNET_CANCELLED.
 */
export async function changeState(tx: Tx, seriesUid: string, change: StateChange): Promise<SeriesState> {
  const { to, sentence, code, actor = 'service', revision } = change;
  const { rows } = await tx.query<{ state: SeriesState; revision: number }>(
    'SELECT state, revision FROM raunet.series WHERE series_uid = $1 FOR UPDATE',
    [seriesUid],
  );
  const row = rows[0];
  if (!row) throw new RaunetError('RAUNET_STATE', { seriesUid, detail: 'unknown series' });
  if (revision !== undefined) refuseStale(seriesUid, row, revision);
  if (!TRANSITIONS[row.state].includes(to))
    throw new RaunetError('RAUNET_STATE', { seriesUid, detail: `${row.state} -> ${to}` });
  await tx.query(
    `UPDATE raunet.series SET state = $2, progress = 0, updated_at = now(), erased_at = NULL,
       finished_at = CASE WHEN $3 THEN now() END, code = $4, reason = CASE WHEN $4::text IS NOT NULL THEN $5 END,
       refusal_code = CASE WHEN $2 = 'result' THEN $4 ELSE refusal_code END,
       refusal_reason = CASE WHEN $2 = 'result' THEN $5 ELSE refusal_reason END
     WHERE series_uid = $1`,
    [seriesUid, to, isEnd(to), code ?? null, sentence],
  );
  await addEvent(tx, seriesUid, { state: to, code: code ?? null, sentence, actor });
  return row.state;
}

/** Throws where the analysis of `revision` is no longer wanted. */
function refuseStale(
  seriesUid: string,
  row: { state: SeriesState; revision: number },
  revision: number,
): void {
  if (row.state === 'cancelled') throw new RaunetError('RAUNET_CANCELLED', { seriesUid });
  if (row.revision !== revision || row.state === 'spool')
    throw new RaunetError('RAUNET_SUPERSEDED', { seriesUid, detail: `revision ${revision}` });
}

/**
 * Progress within the stage, 0..1; no event. Throws RAUNET_SUPERSEDED or RAUNET_CANCELLED, so that an analysis that
 * nobody wants any more ends soon.
 */
export async function setProgress(
  db: Pick<Tx, 'query'>,
  seriesUid: string,
  revision: number,
  progress: number,
): Promise<void> {
  const { rows } = await db.query<{ state: SeriesState; revision: number }>(
    `UPDATE raunet.series SET updated_at = now(), progress =
       CASE WHEN revision = $2 AND state NOT IN ('spool', 'cancelled') THEN $3::real ELSE progress END
     WHERE series_uid = $1 RETURNING state, revision`,
    [seriesUid, revision, Math.min(1, Math.max(0, progress))],
  );
  if (rows[0]) refuseStale(seriesUid, rows[0], revision);
}

/** A line of the history: a choice with its reason, a warning. */
export async function addEvent(
  tx: Pick<Tx, 'query'>,
  seriesUid: string,
  event: { state?: SeriesState; code: string | null; sentence: string; actor?: SeriesEvent['actor'] },
): Promise<void> {
  await tx.query(
    `INSERT INTO raunet.series_event (series_uid, state, code, sentence, actor)
     SELECT series_uid, coalesce($2, state), $3, $4, $5 FROM raunet.series WHERE series_uid = $1`,
    [seriesUid, event.state ?? null, event.code, event.sentence, event.actor ?? 'service'],
  );
}

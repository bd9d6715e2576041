import type { Pool } from 'pg';
import { type Db, type Tx, transaction } from '../jobs/pool';
import { addEvent } from './state';
import type { SeriesRecord } from './types';

/** Days that the row and history of a series stay after its files were erased. */
const HISTORY_DAYS = 365;

export type ErasableSeries = Pick<SeriesRecord, 'seriesUid' | 'studyUid'>;

/** Series that ended so many days ago and still have files, oldest first. */
export async function expiredSeries(db: Db, days: number): Promise<ErasableSeries[]> {
  const { rows } = await db.query(
    `SELECT series_uid AS "seriesUid", study_uid AS "studyUid" FROM raunet.series
     WHERE finished_at < now() - make_interval(secs => $1) AND erased_at IS NULL ORDER BY finished_at`,
    [days * 86_400],
  );
  return rows as ErasableSeries[];
}

export interface Erased {
  instances: number;
  results: number;
}

/**
 * Erases one expired series: `eraseFiles` while its row is held, so that no instance is recorded meanwhile, then the
 * rows of its instances and results. The history stays. Null, and nothing done, where it is no longer expired.
 */
export async function eraseSeries(
  pool: Pool,
  { seriesUid }: ErasableSeries,
  days: number,
  eraseFiles: () => Promise<void>,
): Promise<Erased | null> {
  return transaction(pool, async (tx) => {
    const { rowCount } = await tx.query(
      `SELECT FROM raunet.series WHERE series_uid = $1 AND erased_at IS NULL
         AND finished_at < now() - make_interval(secs => $2) FOR UPDATE`,
      [seriesUid, days * 86_400],
    );
    if (rowCount === 0) return null;
    await eraseFiles();
    const instances = await tx.query('DELETE FROM raunet.instance WHERE series_uid = $1', [seriesUid]);
    const results = await forgetResults(tx, seriesUid);
    await tx.query('UPDATE raunet.series SET erased_at = now(), instances = 0 WHERE series_uid = $1', [
      seriesUid,
    ]);
    const erased = { instances: instances.rowCount ?? 0, results };
    await addEvent(tx, seriesUid, {
      code: null,
      sentence: `Retention erased the files of ${erased.instances} instances and ${erased.results} results.`,
    });
    return erased;
  });
}

/** The results' files are gone: the next analysis makes new instances, which supersede them. Returns how many there were. */
export async function forgetResults(tx: Tx, seriesUid: string): Promise<number> {
  await tx.query(REMEMBER, [seriesUid]);
  const { rowCount } = await tx.query('DELETE FROM raunet.result WHERE source_series_uid = $1', [seriesUid]);
  return rowCount ?? 0;
}

const REMEMBER = `
  INSERT INTO raunet.erased_series (series_uid, times, report_series_uid, report_sop_class_uid, report_sop_instance_uid)
  SELECT $1, 1, report.series_uid, report.sop_class_uid, report.sop_instance_uid
  FROM (VALUES (1)) AS one LEFT JOIN LATERAL (
    SELECT series_uid, sop_class_uid, sop_instance_uid FROM raunet.result
    WHERE source_series_uid = $1 AND kind = 'SR' ORDER BY revision DESC LIMIT 1) AS report ON true
  ON CONFLICT (series_uid) DO UPDATE SET times = erased_series.times + 1,
    report_series_uid = coalesce(excluded.report_series_uid, erased_series.report_series_uid),
    report_sop_class_uid = coalesce(excluded.report_sop_class_uid, erased_series.report_sop_class_uid),
    report_sop_instance_uid = coalesce(excluded.report_sop_instance_uid, erased_series.report_sop_instance_uid)`;

export interface Erasures {
  /** How often what was made of the series was erased, or lost. */
  times: number;
  /** The last report of then. */
  report: { seriesUid: string; sopClassUid: string; sopInstanceUid: string } | null;
}

/** Known for good, also when the history of the series is forgotten. */
export async function erasuresOf(db: Db, seriesUid: string): Promise<Erasures> {
  const { rows } = await db.query(
    `SELECT times, report_series_uid AS "seriesUid", report_sop_class_uid AS "sopClassUid",
       report_sop_instance_uid AS "sopInstanceUid" FROM raunet.erased_series WHERE series_uid = $1`,
    [seriesUid],
  );
  if (rows.length === 0) return { times: 0, report: null };
  const { times, ...report } = rows[0] as { times: number } & NonNullable<Erasures['report']>;
  return { times, report: report.seriesUid === null ? null : report };
}

/** Removes the history of series erased a year ago, and what peers asked then. Returns how many series. */
export async function forgetErased(db: Db): Promise<number> {
  await db.query(
    'DELETE FROM raunet.commitment_request WHERE received_at < now() - make_interval(days => $1)',
    [HISTORY_DAYS],
  );
  const { rowCount } = await db.query(
    'DELETE FROM raunet.series WHERE erased_at < now() - make_interval(days => $1)',
    [HISTORY_DAYS],
  );
  return rowCount ?? 0;
}

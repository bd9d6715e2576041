import type { Db } from '../jobs/pool';
import { DELIVERY_COLUMNS, EVENT_COLUMNS, INSTANCE_COLUMNS, RESULT_COLUMNS, SERIES_COLUMNS } from './columns';
import type {
  DeliveryRecord,
  InstanceRecord,
  ResultRecord,
  SeriesEvent,
  SeriesRecord,
  SeriesState,
} from './types';

/** All that are given must hold. */
export interface SeriesFilter {
  states?: readonly SeriesState[];
  /** Last received at or after. */
  since?: Date;
  studyUid?: string;
  /** 1..1000, default 100. */
  limit?: number;
  /** The last series of the page before. */
  after?: Pick<SeriesRecord, 'firstReceivedAt' | 'seriesUid'>;
}

/** Newest first, by their first instance, so that a series does not move while pages are read. */
export async function seriesList(db: Db, filter: SeriesFilter = {}): Promise<SeriesRecord[]> {
  const values: unknown[] = [];
  const conditions: string[] = [];
  const where = (condition: (parameter: string) => string, value: unknown) => {
    if (value === undefined) return;
    values.push(value);
    conditions.push(condition(`$${values.length}`));
  };
  where((p) => `state = ANY(${p})`, filter.states);
  where((p) => `last_received_at >= ${p}`, filter.since);
  where((p) => `study_uid = ${p}`, filter.studyUid);
  if (filter.after) {
    values.push(filter.after.firstReceivedAt, filter.after.seriesUid);
    conditions.push(`(first_received_at, series_uid) < ($${values.length - 1}, $${values.length})`);
  }
  values.push(Math.min(Math.max(filter.limit ?? 100, 1), 1000));
  const { rows } = await db.query(
    `SELECT ${SERIES_COLUMNS} FROM raunet.series ${conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''}
     ORDER BY first_received_at DESC, series_uid DESC LIMIT $${values.length}`,
    values,
  );
  return rows as SeriesRecord[];
}

export async function findSeries(db: Db, seriesUid: string): Promise<SeriesRecord | null> {
  const { rows } = await db.query(`SELECT ${SERIES_COLUMNS} FROM raunet.series WHERE series_uid = $1`, [
    seriesUid,
  ]);
  return (rows[0] as SeriesRecord | undefined) ?? null;
}

export interface SeriesDetail extends SeriesRecord {
  /** Oldest first. */
  events: SeriesEvent[];
  results: ResultRecord[];
  deliveries: DeliveryRecord[];
  /** SOP Instance UIDs that came with other bytes too. */
  conflicts: string[];
}

/** One series with its whole history. */
export async function seriesDetail(db: Db, seriesUid: string): Promise<SeriesDetail | null> {
  const series = await findSeries(db, seriesUid);
  if (!series) return null;
  const ask = async <Row>(sql: string): Promise<Row[]> => (await db.query(sql, [seriesUid])).rows as Row[];
  const conflicts = await ask<{ uid: string }>(
    'SELECT DISTINCT sop_instance_uid AS uid FROM raunet.instance WHERE series_uid = $1 AND conflicting ORDER BY 1',
  );
  return {
    ...series,
    events: await ask(`SELECT ${EVENT_COLUMNS} FROM raunet.series_event WHERE series_uid = $1 ORDER BY id`),
    results: await ask(
      `SELECT ${RESULT_COLUMNS} FROM raunet.result WHERE source_series_uid = $1 ORDER BY revision, kind, sop_instance_uid`,
    ),
    deliveries: await ask(
      `SELECT ${DELIVERY_COLUMNS} FROM raunet.delivery WHERE source_series_uid = $1 ORDER BY revision, destination`,
    ),
    conflicts: conflicts.map(({ uid }) => uid),
  };
}

/** What is to be analysed: without conflicting instances. Ordered by UID, so that the same set reads the same. */
export async function instancesOf(db: Db, seriesUid: string): Promise<InstanceRecord[]> {
  const { rows } = await db.query(
    `SELECT ${INSTANCE_COLUMNS} FROM raunet.instance JOIN raunet.series USING (series_uid)
     WHERE series_uid = $1 AND NOT conflicting ORDER BY sop_instance_uid COLLATE "C"`,
    [seriesUid],
  );
  return rows as InstanceRecord[];
}

/** The series that has the original of a conflicting instance, null where retention has erased it; undefined: none conflicts. */
export async function originalOf(db: Db, seriesUid: string): Promise<string | null | undefined> {
  const { rows } = await db.query<{ original: string | null }>(
    `SELECT original.series_uid AS original FROM raunet.instance AS mine
     LEFT JOIN raunet.instance AS original
       ON original.sop_instance_uid = mine.sop_instance_uid AND NOT original.conflicting
     WHERE mine.series_uid = $1 AND mine.conflicting ORDER BY original.series_uid LIMIT 1`,
    [seriesUid],
  );
  return rows[0]?.original;
}

/** Series at work, oldest first: each must have a job. */
export async function unfinishedSeries(db: Db): Promise<SeriesRecord[]> {
  const { rows } = await db.query(
    `SELECT ${SERIES_COLUMNS} FROM raunet.series WHERE finished_at IS NULL ORDER BY first_received_at`,
  );
  return rows as SeriesRecord[];
}

/** Deliveries that wait for sending or commitment, oldest first: each must have a job. */
export async function waitingDeliveries(db: Db): Promise<DeliveryRecord[]> {
  const { rows } = await db.query(
    `SELECT ${DELIVERY_COLUMNS} FROM raunet.delivery WHERE state IN ('waiting', 'stored') ORDER BY updated_at`,
  );
  return rows as DeliveryRecord[];
}

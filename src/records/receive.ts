import type { Priority } from '../config/schema';
import type { Db, Tx } from '../jobs/pool';
import { prepared } from '../jobs/prepared';
import type { ErrorCode } from '../lib/error-codes';
import { RaunetError } from '../lib/errors';
import { addEvent, changeState, isEnd } from './state';
import type { InstanceRecord, SeriesState } from './types';

/** An acknowledged instance and who sent it. `conflicting` is decided here, by what is on record. */
export interface ReceivedInstance extends Omit<InstanceRecord, 'conflicting' | 'lost'> {
  callingAe: string;
  calledAe: string;
  callingAddress: string;
}

/**
 * `new`: counted, the series waits for more. `duplicate`: these bytes are on record. `conflicting`: the UID is on record
 * with other bytes; kept beside it, not analysed. `restored`: on record, but its file had been lost.
 */
export type Recorded = 'new' | 'duplicate' | 'conflicting' | 'restored';

export interface Recording {
  recorded: Recorded;
  /** Its series was not on record before, and has no job yet. */
  begins: boolean;
}

/**
 * Records an instance and holds its series' row until `tx` ends. A series that was past receiving is opened again; one
 * that an operator cancelled stays so. Throws RAUNET_UID_CONFLICT where the series UID belongs to another study.
 */
export async function recordInstance(
  tx: Tx,
  instance: ReceivedInstance,
  priority: Priority,
): Promise<Recording> {
  const { seriesUid, studyUid } = instance;
  const known = await lockSeries(tx, seriesUid);
  const begins = known === undefined;
  const series = known ?? (await createSeries(tx, instance, priority));
  if (series.studyUid !== studyUid) throw new RaunetError('RAUNET_UID_CONFLICT', { seriesUid, studyUid });

  const recorded = await insertInstance(tx, instance);
  if (recorded === 'duplicate') return { recorded, begins };
  if (recorded === 'conflicting') {
    await addEvent(tx, seriesUid, {
      code: 'CONFLICTING_INSTANCE',
      sentence: `Other bytes came under the known SOP Instance UID ${instance.sopInstanceUid}; they are kept and not analysed.`,
    });
    return { recorded, begins };
  }
  if (series.state !== 'spool' && series.state !== 'cancelled')
    await changeState(tx, seriesUid, {
      to: 'spool',
      sentence: isEnd(series.state)
        ? 'Another instance arrived; the series is analysed again with it.'
        : `Another instance arrived while the series was in ${series.state}; the analysis begins anew.`,
    });
  const count =
    'UPDATE raunet.series SET instances = instances + $2, changed = true, updated_at = now(), last_received_at = greatest(last_received_at, $3) WHERE series_uid = $1';
  await tx.query(prepared(count, [seriesUid, recorded === 'new' ? 1 : 0, instance.receivedAt]));
  return { recorded, begins };
}

/** The clock was set back since the last instance came: its series waits from now, not until then. */
export async function notReceivedLaterThan(db: Db, seriesUid: string, now: Date): Promise<void> {
  await db.query(
    'UPDATE raunet.series SET last_received_at = $2 WHERE series_uid = $1 AND last_received_at > $2',
    [seriesUid, now],
  );
}

/** SQLSTATE. */
const UNIQUE_VIOLATION = '23505';

const NEXT_INSTANCE = `
  WITH series AS (
    UPDATE raunet.series SET instances = instances + 1, changed = true, updated_at = now(),
      last_received_at = greatest(last_received_at, $9)
    WHERE series_uid = $1 AND study_uid = $2 AND state = 'spool'
      AND NOT EXISTS (SELECT FROM raunet.instance WHERE sop_instance_uid = $3)
    RETURNING series_uid)
  INSERT INTO raunet.instance (series_uid, sop_instance_uid, sha256, sop_class_uid, transfer_syntax_uid, file, size_bytes,
    received_at, conflicting)
  SELECT series_uid, $3, $4, $5, $6, $7, $8, $9, false FROM series`;

/**
 * The nth slice of a series that is being received, in one statement and one round trip: what nearly every instance is.
 * False, and nothing done, where it is anything else (first of its series, known UID, series past receiving, another
 * study): then `recordInstance` decides.
 */
export async function recordNextInstance(db: Db, instance: ReceivedInstance): Promise<boolean> {
  const { rowCount } = await db
    .query(
      prepared(NEXT_INSTANCE, [
        instance.seriesUid,
        instance.studyUid,
        instance.sopInstanceUid,
        instance.sha256,
        instance.sopClassUid,
        instance.transferSyntaxUid,
        instance.file,
        instance.sizeBytes,
        instance.receivedAt,
      ]),
    )
    .catch((error: { code?: string }) => {
      // The same UID over two associations at this moment: the statement does not see the other's row, the index does.
      if (error.code === UNIQUE_VIOLATION) return { rowCount: 0 };
      throw error;
    });
  return rowCount === 1;
}

interface LockedSeries {
  studyUid: string;
  state: SeriesState;
  instances: number;
}

async function lockSeries(tx: Tx, seriesUid: string): Promise<LockedSeries | undefined> {
  const { rows } = await tx.query<LockedSeries>(
    prepared(
      'SELECT study_uid AS "studyUid", state, instances FROM raunet.series WHERE series_uid = $1 FOR UPDATE',
      [seriesUid],
    ),
  );
  return rows[0];
}

async function createSeries(tx: Tx, instance: ReceivedInstance, priority: Priority): Promise<LockedSeries> {
  const { seriesUid, studyUid, callingAe, calledAe, callingAddress, receivedAt } = instance;
  const { rowCount } = await tx.query(
    `INSERT INTO raunet.series (series_uid, study_uid, state, priority, calling_ae, called_ae, calling_address,
       first_received_at, last_received_at) VALUES ($1, $2, 'spool', $3, $4, $5, $6, $7, $7) ON CONFLICT DO NOTHING`,
    [seriesUid, studyUid, priority, callingAe, calledAe, callingAddress, receivedAt],
  );
  if (rowCount === 1)
    await addEvent(tx, seriesUid, {
      code: null,
      sentence: `The first instance arrived from ${callingAe || 'the spool'}.`,
    });
  // Without a row inserted another association was quicker, and has committed.
  return (await lockSeries(tx, seriesUid))!;
}

const INSERT_INSTANCE = `
  INSERT INTO raunet.instance (sop_instance_uid, sha256, sop_class_uid, transfer_syntax_uid, series_uid, file, size_bytes,
    received_at, conflicting)
  SELECT $1, $2, $3, $4, $5, $6, $7, $8,
    EXISTS (SELECT FROM raunet.instance WHERE sop_instance_uid = $1 AND sha256 <> $2 AND NOT conflicting)
  ON CONFLICT (sop_instance_uid, sha256) DO UPDATE SET file = excluded.file, lost = false WHERE raunet.instance.lost
  RETURNING conflicting`;

async function insertInstance(tx: Tx, instance: ReceivedInstance): Promise<Recorded> {
  if (await replaceLost(tx, instance)) return 'restored';
  const { rows } = await tx.query<{ conflicting: boolean }>(
    prepared(INSERT_INSTANCE, [
      instance.sopInstanceUid,
      instance.sha256,
      instance.sopClassUid,
      instance.transferSyntaxUid,
      instance.seriesUid,
      instance.file,
      instance.sizeBytes,
      instance.receivedAt,
    ]),
  );
  const row = rows[0];
  if (!row) return 'duplicate';
  if (row.conflicting) return 'conflicting';
  return 'new';
}

/**
 * The original of this UID was lost: what comes now takes its place, also where the file differs, as it does when the
 * same data set comes by way of another AE. Not where these bytes are on record beside it.
 */
async function replaceLost(tx: Tx, instance: ReceivedInstance): Promise<boolean> {
  const { sopInstanceUid, sha256, sopClassUid, transferSyntaxUid, seriesUid, file, sizeBytes, receivedAt } =
    instance;
  const { rowCount } = await tx.query(
    `UPDATE raunet.instance AS lost SET sha256 = $2, sop_class_uid = $3, transfer_syntax_uid = $4, file = $6,
       size_bytes = $7, received_at = $8, lost = false
     WHERE sop_instance_uid = $1 AND series_uid = $5 AND lost.lost AND NOT conflicting
       AND NOT EXISTS (SELECT FROM raunet.instance WHERE sop_instance_uid = $1 AND sha256 = $2 AND conflicting)`,
    [sopInstanceUid, sha256, sopClassUid, transferSyntaxUid, seriesUid, file, sizeBytes, receivedAt],
  );
  return rowCount === 1;
}

/** How many instances the series is to have, told by the sender or the PACS. */
export async function setExpectedInstances(db: Db, seriesUid: string, expected: number): Promise<void> {
  await db.query('UPDATE raunet.series SET expected_instances = $2 WHERE series_uid = $1', [
    seriesUid,
    expected,
  ]);
}

/** One more than the last also where that has results, or deliveries of results that were lost: a revision is one analysis' set. */
const NEXT_REVISION = `
  UPDATE raunet.series AS this SET changed = false, revision = revision + (changed
    OR EXISTS (SELECT FROM raunet.result WHERE source_series_uid = this.series_uid AND revision = this.revision)
    OR EXISTS (SELECT FROM raunet.delivery WHERE source_series_uid = this.series_uid AND revision = this.revision))::int
  WHERE series_uid = $1 RETURNING revision`;

/**
 * Receiving is over for now: spool -> series. Returns the revision to analyse, one more where instances came since the
 * last or its results are on record; null where the series is past receiving, or has more than the `instances` that were looked at. Throws
 * RAUNET_SPOOL_MISSING where an instance was lost.
 */
export async function closeSeries(
  tx: Tx,
  seriesUid: string,
  instances: number,
  sentence: string,
): Promise<number | null> {
  const series = await lockSeries(tx, seriesUid);
  if (series?.state !== 'spool' || series.instances !== instances) return null;
  const { rows } = await tx.query<{ lost: number; file: string }>(
    'SELECT count(*)::int AS lost, min(file) AS file FROM raunet.instance WHERE series_uid = $1 AND lost AND NOT conflicting',
    [seriesUid],
  );
  if (rows[0]!.lost > 0)
    throw new RaunetError('RAUNET_SPOOL_MISSING', {
      seriesUid,
      detail: `${rows[0]!.lost} files, one is ${rows[0]!.file}`,
    });
  await changeState(tx, seriesUid, { to: 'series', sentence });
  const closed = await tx.query<{ revision: number }>(NEXT_REVISION, [seriesUid]);
  return closed.rows[0]!.revision;
}

/** Files that are no longer what was acknowledged: an unfinished series fails with `code`; sent again, they heal it. */
export async function markLost(
  tx: Tx,
  seriesUid: string,
  files: readonly string[],
  code: Extract<ErrorCode, 'RAUNET_SPOOL_MISSING' | 'RAUNET_SPOOL_ALTERED'>,
): Promise<void> {
  const series = await lockSeries(tx, seriesUid);
  const { rowCount } = await tx.query(
    'UPDATE raunet.instance SET lost = true WHERE series_uid = $1 AND file = ANY($2) AND NOT lost',
    [seriesUid, files],
  );
  if (!series || !rowCount) return;
  const { message } = new RaunetError(code, { seriesUid, detail: `${rowCount} files, one is ${files[0]}` });
  if (isEnd(series.state)) await addEvent(tx, seriesUid, { code, sentence: message });
  else await changeState(tx, seriesUid, { to: 'failed', code, sentence: message });
}

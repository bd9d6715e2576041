import type { Db } from '../jobs/pool';

/** Series a page: enough to be quick, little to hold. */
const PAGE = 500;

/** Every series that is to have files in the spool, in order of its UID. */
export async function* seriesWithFiles(db: Db): AsyncGenerator<{ studyUid: string; seriesUid: string }> {
  for (let after = ''; ; ) {
    const { rows } = await db.query(
      `SELECT study_uid AS "studyUid", series_uid AS "seriesUid" FROM raunet.series
       WHERE erased_at IS NULL AND series_uid > $1 ORDER BY series_uid LIMIT $2`,
      [after, PAGE],
    );
    yield* rows as { studyUid: string; seriesUid: string }[];
    if (rows.length < PAGE) return;
    after = (rows.at(-1) as { seriesUid: string }).seriesUid;
  }
}

/** Enough to know a folder by. */
const SAMPLE = 100;

/** Some of the files that are to be in the spool folder. */
export const receivedFiles = (db: Db): Promise<string[]> =>
  some(db, 'SELECT file FROM raunet.instance WHERE NOT lost LIMIT $1');

/** Some of those that are to be in the results folder. */
export const resultFiles = (db: Db): Promise<string[]> => some(db, 'SELECT file FROM raunet.result LIMIT $1');

async function some(db: Db, sql: string): Promise<string[]> {
  const { rows } = await db.query<{ file: string }>(sql, [SAMPLE]);
  return rows.map(({ file }) => file);
}

/** Files on record of a series, relative to the spool folder, each with whether it is known to be lost. */
export async function filesOf(db: Db, seriesUid: string): Promise<Map<string, { lost: boolean }>> {
  const { rows } = await db.query<{ file: string; lost: boolean }>(
    'SELECT file, lost FROM raunet.instance WHERE series_uid = $1',
    [seriesUid],
  );
  return new Map(rows.map(({ file, lost }) => [file, { lost }]));
}

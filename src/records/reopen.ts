import type { Pool } from 'pg';
import { transaction } from '../jobs/pool';
import { changeState } from './state';

/**
 * Ended without a result of its own, against anybody's will: what an operator cancelled is to stay so. One whose delivery is
 * dead has results, and a retry sends them.
 */
const CAME_TO_NOTHING = `
  (other.state = 'failed' OR other.state = 'refused' AND other.code <> 'RAUNET_NOT_SELECTED')
  AND NOT (other.refusal_code IS NULL AND EXISTS (SELECT FROM raunet.result
    WHERE source_series_uid = other.series_uid))`;

const OUTDATED_CHOICES = `
  SELECT series_uid AS "seriesUid" FROM raunet.series AS left_out
  WHERE state = 'refused' AND code = 'RAUNET_NOT_SELECTED' AND erased_at IS NULL AND EXISTS (
    SELECT FROM raunet.series AS other WHERE other.study_uid = left_out.study_uid
      AND other.finished_at > left_out.finished_at AND ${CAME_TO_NOTHING})
  FOR UPDATE`;

const UNREAD = `
  SELECT series_uid AS "seriesUid" FROM raunet.series
  WHERE state = 'failed' AND code IN ('RAUNET_SPOOL_READ', 'RAUNET_FOLDER_FOREIGN') AND erased_at IS NULL FOR UPDATE`;

const reopen = (pool: Pool, sql: string, sentence: string): Promise<void> =>
  transaction(pool, async (tx) => {
    const { rows } = await tx.query<{ seriesUid: string }>(sql);
    for (const { seriesUid } of rows) await changeState(tx, seriesUid, { to: 'spool', sentence });
  });

/** A series that was left out while another one of its study was still hoped for is chosen anew when that came to nothing. */
export const reopenLeftOut = (pool: Pool): Promise<void> =>
  reopen(
    pool,
    OUTDATED_CHOICES,
    'Another series of the study came to no result; whether this one is taken is decided anew.',
  );

/** A series that failed because a disk or share kept its files from us for longer than its attempts lasted. */
export const reopenUnread = (pool: Pool): Promise<void> =>
  reopen(pool, UNREAD, 'Its files could not be read; it is tried again.');

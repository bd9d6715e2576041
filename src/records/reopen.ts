import type { Pool } from 'pg';
import { transaction } from '../jobs/pool';
import { changeState } from './state';

/** Ended without a result of its own. One whose delivery is dead has results, and a retry sends them. */
const CAME_TO_NOTHING = `
  (other.state IN ('failed', 'cancelled') OR other.state = 'refused' AND other.code <> 'RAUNET_NOT_SELECTED')
  AND NOT (other.refusal_code IS NULL AND EXISTS (SELECT FROM raunet.result
    WHERE source_series_uid = other.series_uid AND revision = other.revision))`;

const OUTDATED_CHOICES = `
  SELECT series_uid AS "seriesUid" FROM raunet.series AS left_out
  WHERE state = 'refused' AND code = 'RAUNET_NOT_SELECTED' AND erased_at IS NULL AND EXISTS (
    SELECT FROM raunet.series AS other WHERE other.study_uid = left_out.study_uid
      AND other.finished_at > left_out.finished_at AND ${CAME_TO_NOTHING})
  FOR UPDATE`;

/** A series that was left out while another one of its study was still hoped for is chosen anew when that came to nothing. */
export const reopenLeftOut = (pool: Pool): Promise<void> =>
  transaction(pool, async (tx) => {
    const { rows } = await tx.query<{ seriesUid: string }>(OUTDATED_CHOICES);
    const sentence =
      'Another series of the study came to no result; whether this one is taken is decided anew.';
    for (const { seriesUid } of rows) await changeState(tx, seriesUid, { to: 'spool', sentence });
  });

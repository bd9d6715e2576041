import type { Db } from '../jobs/pool';
import type { DeliveryState, SeriesState } from './types';

export interface RecordCounts {
  /** Every state that occurs. */
  series: { state: SeriesState; count: number; oldestSeconds: number }[];
  deliveries: { destination: string; state: DeliveryState; count: number }[];
}

/** For gauges: how many series are in each state, and how long the oldest has not moved. */
export async function recordCounts(db: Db): Promise<RecordCounts> {
  const series = await db.query(
    `SELECT state, count(*)::int AS count, extract(epoch FROM now() - min(updated_at))::float8 AS "oldestSeconds"
     FROM raunet.series GROUP BY state ORDER BY state`,
  );
  const deliveries = await db.query(
    'SELECT destination, state, count(*)::int AS count FROM raunet.delivery GROUP BY 1, 2 ORDER BY 1, 2',
  );
  return { series: series.rows, deliveries: deliveries.rows };
}

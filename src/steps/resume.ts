import type { Pool } from 'pg';
import type { Config } from '../config/schema';
import { type Tx, transaction } from '../jobs/pool';
import type { Queues } from '../jobs/queue';
import { RaunetError } from '../lib/errors';
import { openRequests } from '../records/commitment-requests';
import { setDelivery } from '../records/deliveries';
import { findSeries, unfinishedSeries, waitingDeliveries } from '../records/read';
import { reopenLeftOut } from '../records/reopen';
import {
  ANALYSE_QUEUE,
  analyseKey,
  deliverQueue,
  RANK,
  REPORT_QUEUE,
  reportKey,
  SERIES_QUEUE,
} from './queues';

export interface ResumeDeps {
  config: Config;
  pool: Pool;
  queues: Queues;
}

/**
 * What is at work has a job; after a restored or emptied job table it has none. Each process makes those of its roles: a
 * receiver need not know the destinations. Returns what it made jobs for.
 */
export async function resume({ config, pool, queues }: ResumeDeps): Promise<string[]> {
  const resumed: string[] = [];
  const ensure: Ensure = async (tx, queue, key, data, priority) => {
    if (await queues.has(tx, queue, key)) return;
    await queues.send(tx, queue, data, { key, priority });
    resumed.push(`${queue} ${key}`);
  };
  if (config.roles.includes('receive')) await resumeSeries(pool, config, ensure);
  if (config.roles.includes('deliver')) await resumeDeliveries(pool, config, ensure);
  return resumed;
}

type Ensure = (tx: Tx, queue: string, key: string, data: object, priority: number) => Promise<void>;

async function resumeSeries(pool: Pool, config: Config, ensure: Ensure): Promise<void> {
  if (config.series.perStudy === 'one') await reopenLeftOut(pool);
  for (const { seriesUid } of await unfinishedSeries(pool))
    await transaction(pool, async (tx) => {
      // Read again: the list may be old by now.
      const series = await findSeries(tx, seriesUid);
      if (series === null || series.finishedAt !== null || series.state === 'delivery') return;
      const { revision, state, priority } = series;
      if (state === 'spool')
        return ensure(tx, SERIES_QUEUE, seriesUid, { seriesUid, associationEnded: false }, RANK[priority]);
      const data = { seriesUid, revision };
      return ensure(tx, ANALYSE_QUEUE, analyseKey(data), data, RANK[priority]);
    });
  for (const asked of await openRequests(pool))
    await transaction(pool, (tx) => ensure(tx, REPORT_QUEUE, reportKey(asked), asked, 0));
}

/** A destination that the configuration has no more: the delivery ends with RAUNET_DESTINATION_UNKNOWN. */
async function resumeDeliveries(pool: Pool, { delivery }: Config, ensure: Ensure): Promise<void> {
  const known = new Set(delivery.destinations.map(({ name }) => name));
  for (const { sourceSeriesUid, revision, destination } of await waitingDeliveries(pool))
    await transaction(pool, async (tx) => {
      const data = { seriesUid: sourceSeriesUid, revision, destination };
      const { priority } = (await findSeries(tx, sourceSeriesUid))!;
      if (known.has(destination))
        return ensure(tx, deliverQueue(destination), analyseKey(data), data, RANK[priority]);
      const error = new RaunetError('RAUNET_DESTINATION_UNKNOWN', {
        seriesUid: sourceSeriesUid,
        destination,
        detail: 'it is in the configuration no more',
      });
      await setDelivery(tx, { sourceSeriesUid, revision, destination }, 'dead', error);
    });
}

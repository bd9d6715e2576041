import type { Pool } from 'pg';
import type { SeriesDesk } from '../admin/types';
import type { Config } from '../config/schema';
import { route } from '../delivery/route';
import { type Tx, transaction } from '../jobs/pool';
import type { Queues } from '../jobs/queue';
import { RaunetError } from '../lib/errors';
import { cancelSeries, changePriority, retrySeries } from '../records/operator';
import { findSeries, seriesDetail, seriesList } from '../records/read';
import type { Destinations } from '../records/redeliver';
import type { SeriesRecord } from '../records/types';
import { ANALYSE_QUEUE, analyseKey, deliverQueue, RANK, SERIES_QUEUE } from './queues';

interface DeskDeps {
  pool: Pool;
  queues: Queues;
  config: Pick<Config, 'delivery'>;
}

/** What the admin API may do with series: records and jobs change in one transaction. */
export function seriesDesk({ pool, queues, config }: DeskDeps): SeriesDesk {
  const destinationsNow = (series: SeriesRecord): Destinations => ({
    known: (destination) => config.delivery.destinations.some(({ name }) => name === destination),
    routed: () => route(series, config.delivery).destinations,
  });
  const withSeries = async (
    seriesUid: string,
    work: (tx: Tx, series: SeriesRecord) => Promise<void>,
  ): Promise<void> => {
    const series = await findSeries(pool, seriesUid);
    if (series === null) throw new RaunetError('RAUNET_NOT_FOUND', { seriesUid });
    await transaction(pool, (tx) => work(tx, series));
  };
  const queuesOf = (
    { seriesUid, revision }: SeriesRecord,
    destinations: readonly string[],
  ): [string, string][] => [
    [SERIES_QUEUE, seriesUid],
    [ANALYSE_QUEUE, analyseKey({ seriesUid, revision })],
    ...destinations.map((name): [string, string] => [
      deliverQueue(name),
      analyseKey({ seriesUid, revision }),
    ]),
  ];
  const destinationsOf = async (seriesUid: string): Promise<string[]> => {
    const detail = await seriesDetail(pool, seriesUid);
    return [...new Set(detail?.deliveries.map(({ destination }) => destination))];
  };

  return {
    list: (filter) => seriesList(pool, filter),
    detail: (seriesUid) => seriesDetail(pool, seriesUid),
    retry: (seriesUid, by) =>
      withSeries(seriesUid, async (tx, series) => {
        const retry = await retrySeries(tx, seriesUid, by, destinationsNow(series));
        const rank = RANK[series.priority];
        if (retry.kind === 'analyse') {
          const job = { seriesUid, associationEnded: false };
          return queues.send(tx, SERIES_QUEUE, job, { key: seriesUid, priority: rank });
        }
        const { revision, destinations } = retry;
        for (const destination of destinations)
          await queues.send(
            tx,
            deliverQueue(destination),
            { seriesUid, revision, destination },
            { key: analyseKey({ seriesUid, revision }), priority: rank },
          );
      }),
    cancel: async (seriesUid, by) => {
      const destinations = await destinationsOf(seriesUid);
      await withSeries(seriesUid, async (tx, series) => {
        await cancelSeries(tx, seriesUid, by);
        for (const [queue, key] of queuesOf(series, destinations)) await queues.cancel(tx, queue, key);
      });
    },
    setPriority: async (seriesUid, priority, by) => {
      const destinations = await destinationsOf(seriesUid);
      await withSeries(seriesUid, async (tx, series) => {
        await changePriority(tx, seriesUid, priority, by);
        for (const [queue, key] of queuesOf(series, destinations))
          await queues.setPriority(tx, queue, key, RANK[priority]);
      });
    },
  };
}

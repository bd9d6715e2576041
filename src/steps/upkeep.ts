import type { Pool } from 'pg';
import type { Audit } from '../audit/types';
import type { Config } from '../config/schema';
import { type Tx, transaction } from '../jobs/pool';
import type { Queues } from '../jobs/queue';
import { systemClock } from '../lib/clock';
import { RaunetError } from '../lib/errors';
import type { Log } from '../lib/log';
import type { DiskWatermark } from '../maintenance/disk-watermark';
import type { EchoMonitor } from '../maintenance/echo-monitor';
import { reconcile } from '../maintenance/reconcile';
import { retention } from '../maintenance/retention';
import type { Tasks } from '../maintenance/schedule';
import { setDelivery } from '../records/deliveries';
import { eraseSeries, expiredSeries, forgetErased } from '../records/erase';
import { filesOf, seriesWithFiles } from '../records/files';
import { openRequests } from '../records/commitment-requests';
import { findSeries, unfinishedSeries, waitingDeliveries } from '../records/read';
import { markLost } from '../records/receive';
import { reopenLeftOut, reopenUnread } from '../records/reopen';
import type { Spool } from '../spool/spool';
import {
  ANALYSE_QUEUE,
  analyseKey,
  deliverQueue,
  RANK,
  REPORT_QUEUE,
  reportKey,
  SERIES_QUEUE,
} from './queues';
import { recordOrDiscard } from './receive';

export interface UpkeepDeps {
  config: Config;
  pool: Pool;
  queues: Queues;
  spool: Spool;
  /** Throws RAUNET_FOLDER_FOREIGN where spool or results is not mounted. */
  checkFolders: () => Promise<void>;
  log: Log;
  disk: DiskWatermark;
  echoes: EchoMonitor;
  audit: Audit;
}

/** What node-cron runs: the tasks of maintenance/ on our records, spool and queues. */
export function upkeep(deps: UpkeepDeps): Partial<Tasks> {
  const { config, disk, echoes } = deps;
  return {
    disk: () => disk.check(),
    ...(config.roles.includes('deliver') ? { echo: () => echoes.run() } : {}),
    ...(config.roles.includes('receive') ? spoolUpkeep(deps) : {}),
  };
}

/** Of several receivers each does it: a file recorded or a job made twice is there once. */
function spoolUpkeep({
  config,
  pool,
  queues,
  spool,
  checkFolders,
  log,
  audit,
}: UpkeepDeps): Pick<Tasks, 'retention' | 'reconcile'> {
  const days = config.maintenance.retentionDays;
  return {
    retention: () =>
      retention({
        expired: async () => {
          // What is not mounted is not erased, and comes back.
          await checkFolders();
          return expiredSeries(pool, days);
        },
        erase: async (series) => {
          const erased = await eraseSeries(pool, series, days, () => spool.removeSeries(series));
          if (erased !== null) audit({ kind: 'erased', studyUid: series.studyUid });
          return erased;
        },
        forget: () => forgetErased(pool),
        log,
      }),
    reconcile: () =>
      reconcile({
        spoolFiles: () => spool.list(),
        exists: (file) => spool.exists(file),
        mounted: checkFolders,
        inspect: (file) => spool.inspect(file),
        recorded: (seriesUid) => filesOf(pool, seriesUid),
        recordedSeries: () => seriesWithFiles(pool),
        // The file does not say from which address it came.
        record: (found) =>
          recordOrDiscard({ ...found, callingAddress: '' }, { config, pool, queues, spool, log }),
        reopen: () => reopenUnread(pool),
        lost: (seriesUid, files) =>
          transaction(pool, (tx) => markLost(tx, seriesUid, files, 'RAUNET_SPOOL_MISSING')),
        resume: () => resume(pool, queues, config),
        log,
        clock: systemClock,
      }),
  };
}

/** Every series at work has a job, every waiting delivery too; after a restored or emptied job table they have none. */
async function resume(pool: Pool, queues: Queues, config: Config): Promise<string[]> {
  if (config.series.perStudy === 'one') await reopenLeftOut(pool);
  const resumed: string[] = [];
  const ensure = async (
    tx: Tx,
    queue: string,
    key: string,
    data: object,
    priority: number,
  ): Promise<void> => {
    if (await queues.has(tx, queue, key)) return;
    await queues.send(tx, queue, data, { key, priority });
    resumed.push(`${queue} ${key}`);
  };
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
  const known = new Set(config.delivery.destinations.map(({ name }) => name));
  for (const { sourceSeriesUid, revision, destination } of await waitingDeliveries(pool))
    await transaction(pool, async (tx) => {
      const data = { seriesUid: sourceSeriesUid, revision, destination };
      if (known.has(destination)) return ensure(tx, deliverQueue(destination), analyseKey(data), data, 0);
      const error = new RaunetError('RAUNET_DESTINATION_UNKNOWN', {
        seriesUid: sourceSeriesUid,
        destination,
      });
      await setDelivery(tx, { sourceSeriesUid, revision, destination }, 'dead', error);
    });
  for (const asked of await openRequests(pool))
    await transaction(pool, (tx) => ensure(tx, REPORT_QUEUE, reportKey(asked), asked, 0));
  return resumed;
}

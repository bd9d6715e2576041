import type { Pool } from 'pg';
import type { Audit } from '../audit/types';
import type { Config } from '../config/schema';
import { transaction } from '../jobs/pool';
import type { Queues } from '../jobs/queue';
import { systemClock } from '../lib/clock';
import type { Log } from '../lib/log';
import type { DiskWatermark } from '../maintenance/disk-watermark';
import type { EchoMonitor } from '../maintenance/echo-monitor';
import { reconcile, resumeJobs } from '../maintenance/reconcile';
import { retention } from '../maintenance/retention';
import type { Tasks } from '../maintenance/schedule';
import { eraseSeries, expiredSeries, forgetErased } from '../records/erase';
import { filesOf, seriesWithFiles } from '../records/files';
import { markLost } from '../records/receive';
import { reopenUnread } from '../records/reopen';
import type { Spool } from '../spool/spool';
import { recordOrDiscard } from './receive';
import { resume } from './resume';

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
    ...(config.roles.includes('deliver')
      ? { reconcile: () => resumeJobs({ ...deps, resume: () => resume(deps) }) }
      : {}),
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
        resume: () => resume({ config, pool, queues }),
        log,
        clock: systemClock,
      }),
  };
}

import { access } from 'node:fs/promises';
import type { Pool } from 'pg';
import type { AssociationEnd, Receipt } from '../association/types';
import type { Config, Priority } from '../config/schema';
import { transaction } from '../jobs/pool';
import type { Queues } from '../jobs/queue';
import { RaunetError } from '../lib/errors';
import type { Log } from '../lib/log';
import { recordInstance } from '../records/receive';
import type { Spool } from '../spool/spool';
import { RANK, SERIES_QUEUE, type SeriesJob } from './queues';

export interface ReceiveDeps {
  config: Config;
  spool: Pick<Spool, 'path'>;
  pool: Pool;
  queues: Queues;
  log: Log;
}

/**
 * What stands between a durable file and its Success: the instance is on record and its series' quiet time begins
 * anew, in one transaction. Throws RAUNET_DATABASE; then the sender is told to try again.
 */
export const storeReceipt =
  ({ config, pool, queues, spool }: ReceiveDeps) =>
  (receipt: Receipt): Promise<void> =>
    transaction(pool, async (tx) => {
      const priority = priorityOf(config, receipt.callingAe);
      const recorded = await recordInstance(tx, receipt, priority);
      // The series' row is held from here on, so retention cannot take the file of one that was just sent again.
      await access(spool.path(receipt.file)).catch((cause: unknown) => {
        throw new RaunetError('RAUNET_SPOOL_WRITE', { seriesUid: receipt.seriesUid }, { cause });
      });
      if (recorded === 'duplicate' || recorded === 'conflicting') return;
      await queues.send(
        tx,
        SERIES_QUEUE,
        { seriesUid: receipt.seriesUid, associationEnded: false } satisfies SeriesJob,
        {
          key: receipt.seriesUid,
          priority: RANK[priority],
          afterSeconds: config.series.quietSeconds,
        },
      );
    });

/** Where a PACS can be asked how many instances a series has, the quiet time need not pass. */
export const associationEnded =
  ({ config, pool, queues, log }: ReceiveDeps) =>
  async ({ seriesUids, callingAe, clean }: AssociationEnd): Promise<void> => {
    if (config.series.queryDestination === undefined || !clean) return;
    for (const seriesUid of seriesUids)
      await transaction(pool, async (tx) => {
        if (!(await queues.has(tx, SERIES_QUEUE, seriesUid))) return;
        await queues.send(tx, SERIES_QUEUE, { seriesUid, associationEnded: true } satisfies SeriesJob, {
          key: seriesUid,
          priority: RANK[priorityOf(config, callingAe)],
        });
      }).catch((error: unknown) =>
        log.warn('The end of an association went unnoticed', { stage: 'series', seriesUid, error }),
      );
  };

function priorityOf({ association, jobs }: Config, callingAe: string): Priority {
  return (
    association.allow.find((entry) => entry.callingAe.trim() === callingAe.trim())?.priority ??
    jobs.defaultPriority
  );
}

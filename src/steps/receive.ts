import { access } from 'node:fs/promises';
import type { Pool } from 'pg';
import type { AssociationEnd, Receipt } from '../association/types';
import type { Config } from '../config/schema';
import { transaction } from '../jobs/pool';
import type { Queues } from '../jobs/queue';
import { RaunetError, toRaunetError } from '../lib/errors';
import type { Log } from '../lib/log';
import { type ReceivedInstance, recordInstance, recordNextInstance } from '../records/receive';
import type { Spool } from '../spool/spool';
import { priorityOf, RANK, SERIES_QUEUE, type SeriesJob } from './queues';

export interface ReceiveDeps {
  config: Config;
  spool: Pick<Spool, 'path' | 'discard'>;
  pool: Pool;
  queues: Queues;
  log: Log;
}

/**
 * What stands between a durable file and its Success: the instance is on record and its series has a job that waits for
 * the quiet time, in one transaction. Throws RAUNET_DATABASE; then the sender is told to try again. And
 * RAUNET_UID_CONFLICT; then its file is gone.
 */
export const storeReceipt = (deps: ReceiveDeps) => {
  const { pool, spool } = deps;
  return async (receipt: Receipt): Promise<void> => {
    // A series in `spool` has its job already: it reads from the row when the last instance came.
    if (!(await recordNextInstance(pool, receipt))) await recordOrDiscard(receipt, deps);
    // Retention takes the files of finished series only, and from here on this one is none: what is there now stays.
    await access(spool.path(receipt.file)).catch((cause: unknown) => {
      throw new RaunetError('RAUNET_SPOOL_WRITE', { seriesUid: receipt.seriesUid }, { cause });
    });
  };
};

/**
 * `recordAndQueue`; the file of a RAUNET_UID_CONFLICT is removed: a series on record in one study has no file on record
 * under another one, so retention would never find it.
 */
export const recordOrDiscard = (instance: ReceivedInstance, deps: ReceiveDeps): Promise<void> =>
  recordAndQueue(instance, deps).catch(async (error: unknown) => {
    const { file, studyUid, seriesUid } = instance;
    if (toRaunetError(error).code === 'RAUNET_UID_CONFLICT')
      await deps.spool.discard(file).catch((cause: unknown) =>
        deps.log.warn('the file of a refused instance stays in the spool', {
          stage: 'spool',
          studyUid,
          seriesUid,
          file,
          error: cause,
        }),
      );
    throw error;
  });

/** Whatever the instance is to its series: on record, and where it begins one or is to be analysed, with the job for it. */
const recordAndQueue = (
  instance: ReceivedInstance,
  { config, pool, queues, log }: Omit<ReceiveDeps, 'spool'>,
): Promise<void> =>
  transaction(pool, async (tx) => {
    const { seriesUid } = instance;
    const priority = priorityOf(config, instance.callingAe);
    const { recorded, begins } = await recordInstance(tx, instance, priority);
    if (recorded === 'conflicting')
      log.warn('other bytes under a known SOP Instance UID, kept and not analysed', {
        stage: 'spool',
        seriesUid,
        sopInstanceUid: instance.sopInstanceUid,
        file: instance.file,
      });
    if (!begins && (recorded === 'duplicate' || recorded === 'conflicting')) return;
    await queues.send(tx, SERIES_QUEUE, { seriesUid, associationEnded: false } satisfies SeriesJob, {
      key: seriesUid,
      priority: RANK[priority],
      afterSeconds: config.series.quietSeconds,
    });
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

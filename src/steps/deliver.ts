import type { Pool } from 'pg';
import type { Audit } from '../audit/types';
import type { DestinationConfig } from '../config/schema';
import { sendAll } from '../delivery/send';
import { transaction } from '../jobs/pool';
import type { Job } from '../jobs/queue';
import { RaunetError, toRaunetError } from '../lib/errors';
import { uncommittedResults } from '../records/commitments';
import { beginDelivery, setDelivery } from '../records/deliveries';
import { findSeries } from '../records/read';
import { resultsOf } from '../records/results';
import type { ResultRecord } from '../records/types';
import type { Spool } from '../spool/spool';
import { askForCommitment, type CommitDeps, continueDelivery } from './commit';
import type { DeliverJob } from './queues';

export interface DeliverDeps extends CommitDeps {
  audit: Audit;
  spool: Spool;
  /** Throws RAUNET_FOLDER_FOREIGN where spool or results is not mounted. */
  checkFolders: () => Promise<void>;
  failed: (error: RaunetError) => void;
  /** Seconds that an attempt took. */
  stageSeconds: (stage: 'delivery', seconds: number) => void;
  sent: (destination: string) => void;
}

/**
 * A job of a destination's queue: every result of a revision that it is to get, as its bytes are, and then, where the
 * destination is to commit to them, the request for that. An error of class permanent ends it. Throws RAUNET_RESULT_MISSING
 * where none is on record.
 */
export async function deliver(
  job: Job<DeliverJob>,
  destination: DestinationConfig,
  deps: DeliverDeps,
): Promise<void> {
  const { pool, queues, spool, checkFolders, log, config } = deps;
  const { seriesUid, revision } = job.data;
  const key = { sourceSeriesUid: seriesUid, revision, destination: destination.name };
  const step = await transaction(pool, (tx) => beginDelivery(tx, key));
  if (step === null) return transaction(pool, (tx) => job.complete(tx));
  if ((await resultsOf(pool, seriesUid, revision)).length === 0)
    throw new RaunetError('RAUNET_RESULT_MISSING', {
      stage: 'delivery',
      seriesUid,
      destination: destination.name,
      detail: `no result of revision ${revision} is on record`,
    });
  if (step === 'ask for commitment') return askForCommitment(job, key, destination, deps);

  const results = await uncommittedResults(pool, key, destination.objects);
  if (results.length === 0)
    return transaction(pool, async (tx) => {
      await setDelivery(tx, key, 'sent');
      await job.complete(tx);
    });
  const tryLater = async (error: RaunetError): Promise<never> => {
    await transaction(pool, (tx) => setDelivery(tx, key, 'waiting', error));
    throw error;
  };
  try {
    await checkFolders();
    for (const { file, sha256 } of results) await spool.verifyResult(file, sha256);
  } catch (error) {
    return tryLater(toRaunetError(error));
  }
  const told = await toldOf(destination, seriesUid, results, pool);
  deps.audit({ kind: 'transfer begins', ...told });
  const started = performance.now();
  const outcomes = await sendAll(
    destination,
    results.map((result) => ({ ...result, file: spool.resultPath(result.file) })),
    { ourAe: config.association.aeTitle, signal: job.signal, log },
  );
  deps.stageSeconds('delivery', (performance.now() - started) / 1000);
  const errors = outcomes.flatMap(({ error }) => (error === null ? [] : [error]));
  deps.audit({ kind: 'transferred', ...told, failure: errors[0]?.message ?? null });
  const permanent = errors.find((error) => error.class === 'permanent');
  const passing = errors.find((error) => error.class !== 'permanent');
  // What may still arrive is tried again before the rest is given up.
  if (passing !== undefined) return tryLater(passing);
  await transaction(pool, async (tx) => {
    if (permanent !== undefined) await setDelivery(tx, key, 'dead', permanent);
    // Cancelled or superseded meanwhile: nobody asks for a commitment any more.
    else if (destination.commitment === undefined || !(await setDelivery(tx, key, 'stored')))
      await setDelivery(tx, key, 'sent');
    else await continueDelivery(queues, tx, key);
    await job.complete(tx);
  });
  const fields = {
    stage: 'delivery' as const,
    seriesUid,
    revision,
    destination: destination.name,
    jobId: job.id,
  };
  if (permanent === undefined) {
    for (const _ of results) deps.sent(destination.name);
    return log.info('results sent', { ...fields, objects: results.length });
  }
  deps.failed(permanent);
  log.error('results were refused', { ...fields, error: permanent });
}

/** What the audit trail says of a sending. */
async function toldOf(
  { aeTitle, host }: DestinationConfig,
  seriesUid: string,
  results: readonly ResultRecord[],
  pool: Pool,
) {
  const series = await findSeries(pool, seriesUid);
  const sopClasses: Record<string, number> = {};
  for (const { sopClassUid } of results) sopClasses[sopClassUid] = (sopClasses[sopClassUid] ?? 0) + 1;
  return {
    direction: 'sent' as const,
    peer: { aeTitle, address: host },
    study: { studyUid: series?.studyUid ?? '', sopClasses },
  };
}

/** Tried too often. */
export const deliveryDead =
  ({ pool, failed }: DeliverDeps) =>
  async ({ seriesUid, revision, destination }: DeliverJob, error: RaunetError): Promise<void> => {
    failed(error);
    await transaction(pool, async (tx) => {
      await setDelivery(tx, { sourceSeriesUid: seriesUid, revision, destination }, 'dead', error);
    });
  };

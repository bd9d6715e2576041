import type { Pool } from 'pg';
import type { Config, DestinationConfig } from '../config/schema';
import { sendAll } from '../delivery/send';
import { transaction } from '../jobs/pool';
import type { Job } from '../jobs/queue';
import type { RaunetError } from '../lib/errors';
import type { Log } from '../lib/log';
import { beginDelivery, setDelivery } from '../records/deliveries';
import { resultsOf } from '../records/results';
import type { Spool } from '../spool/spool';
import type { DeliverJob } from './queues';

export interface DeliverDeps {
  config: Config;
  pool: Pool;
  spool: Spool;
  log: Log;
  failed: (error: RaunetError) => void;
  /** Seconds that an attempt took. */
  stageSeconds: (stage: 'delivery', seconds: number) => void;
  sent: (destination: string) => void;
}

/** A job of a destination's queue: every result of a revision, as its bytes are. An error of class permanent ends it. */
export async function deliver(
  job: Job<DeliverJob>,
  destination: DestinationConfig,
  deps: DeliverDeps,
): Promise<void> {
  const { pool, spool, log, config } = deps;
  const { seriesUid, revision } = job.data;
  const key = { sourceSeriesUid: seriesUid, revision, destination: destination.name };
  const begun = await transaction(pool, (tx) => beginDelivery(tx, key));
  if (!begun) return transaction(pool, (tx) => job.complete(tx));

  const results = await resultsOf(pool, seriesUid, revision);
  for (const { file, sha256 } of results) await spool.verifyResult(file, sha256);
  const started = performance.now();
  const outcomes = await sendAll(
    destination,
    results.map((result) => ({ ...result, file: spool.resultPath(result.file) })),
    { ourAe: config.association.aeTitle, signal: job.signal, log },
  );
  deps.stageSeconds('delivery', (performance.now() - started) / 1000);
  const errors = outcomes.flatMap(({ error }) => (error === null ? [] : [error]));
  const permanent = errors.find((error) => error.class === 'permanent');
  const passing = errors.find((error) => error.class !== 'permanent');
  // What may still arrive is tried again before the rest is given up.
  if (passing !== undefined) {
    await transaction(pool, (tx) => setDelivery(tx, key, 'waiting', passing));
    throw passing;
  }
  await transaction(pool, async (tx) => {
    await setDelivery(tx, key, permanent === undefined ? 'sent' : 'dead', permanent);
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

/** Tried too often. */
export const deliveryDead =
  ({ pool, failed }: DeliverDeps) =>
  async ({ seriesUid, revision, destination }: DeliverJob, error: RaunetError): Promise<void> => {
    failed(error);
    await transaction(pool, (tx) =>
      setDelivery(tx, { sourceSeriesUid: seriesUid, revision, destination }, 'dead', error),
    );
  };

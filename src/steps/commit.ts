import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { type Config, type DestinationConfig, RESULT_KINDS } from '../config/schema';
import { requestCommitment } from '../delivery/commitment';
import { hex } from '../delivery/status';
import type { CommitmentReport } from '../dicom/commitment';
import { type Tx, transaction } from '../jobs/pool';
import type { Job, Queues } from '../jobs/queue';
import { RaunetError } from '../lib/errors';
import type { Log } from '../lib/log';
import {
  acceptCommitment,
  acceptedRequests,
  nextRound,
  openCommitment,
  recordReport,
  uncommittedResults,
} from '../records/commitments';
import { deliveryState, setDelivery } from '../records/deliveries';
import type { DeliveryKey } from '../records/delivery-state';
import { findSeries } from '../records/read';
import { resultsOf } from '../records/results';
import { analyseKey, type DeliverJob, deliverQueue, RANK } from './queues';

export interface CommitDeps {
  config: Config;
  pool: Pool;
  queues: Queues;
  log: Log;
  /** A delivery was committed to, or its destination failed to. */
  commitment: (destination: string, outcome: 'committed' | 'failed' | 'unanswered') => void;
}

const jobOf = ({ sourceSeriesUid: seriesUid, revision, destination }: DeliveryKey): DeliverJob => ({
  seriesUid,
  revision,
  destination,
});

/** The next step of a delivery, in `tx`. */
export async function continueDelivery(
  queues: Queues,
  tx: Tx,
  key: DeliveryKey,
  afterSeconds = 0,
): Promise<void> {
  const job = jobOf(key);
  const { priority } = (await findSeries(tx, job.seriesUid))!;
  const options = { key: analyseKey(job), priority: RANK[priority], afterSeconds };
  await queues.send(tx, deliverQueue(job.destination), job, options);
}

/** A delivery whose objects are stored: asks for commitment, again where no report came, and at last sends again. */
export async function askForCommitment(
  job: Job<DeliverJob>,
  key: DeliveryKey,
  destination: DestinationConfig,
  deps: CommitDeps,
): Promise<void> {
  const { pool, queues, config, log } = deps;
  const { commitment } = destination;
  const completed = (work: (tx: Tx) => Promise<unknown>): Promise<void> =>
    transaction(pool, async (tx) => {
      await work(tx);
      await job.complete(tx);
    });
  // The configuration may have changed since.
  if (commitment === undefined) return completed((tx) => setDelivery(tx, key, 'sent'));
  if ((await acceptedRequests(pool, key)) >= commitment.requests) {
    const detail = `asked ${commitment.requests} times`;
    const error = new RaunetError('RAUNET_COMMITMENT_UNANSWERED', errorContext(key, detail));
    deps.commitment(key.destination, 'unanswered');
    return completed((tx) => sendAgain(tx, key, error, deps));
  }
  const results = await uncommittedResults(pool, key, destination.objects);
  const transactionUid = `2.25.${BigInt(`0x${randomUUID().replaceAll('-', '')}`)}`; // PS3.5 B.2
  await transaction(pool, (tx) => openCommitment(tx, key, transactionUid, results));
  const ourselves = { ourAe: config.association.aeTitle, signal: job.signal };
  await requestCommitment(destination, { transactionUid, references: results }, commitment.waitSeconds, {
    ...ourselves,
    accepted: () => acceptCommitment(pool, transactionUid),
    reported: commitmentReported(deps),
  });
  log.info('storage commitment requested', { stage: 'delivery', ...jobOf(key), transactionUid });
  await completed(async (tx) => {
    // A report has perhaps ended the wait already, and made the job of what follows.
    if ((await deliveryState(tx, key)) === 'stored')
      await continueDelivery(queues, tx, key, commitment.reportSeconds);
  });
}

/**
 * A destination reports, on whatever association, perhaps twice or late: all committed, the delivery is delivered; else
 * what it lacks is sent again; nothing where the results are on record no more. Throws RAUNET_COMMITMENT_UNKNOWN, RAUNET_DATABASE.
 */
export const commitmentReported =
  (deps: CommitDeps) =>
  async (report: CommitmentReport): Promise<void> => {
    const { pool, queues, config, log } = deps;
    let outcome: 'committed' | 'failed' | null = null;
    const key = await transaction(pool, async (tx) => {
      const reported = await recordReport(tx, report);
      const { failures, newest } = reported;
      outcome = null;
      // Retention erased them, or they were lost: there is nothing to send again, and nothing that is delivered.
      if ((await resultsOf(tx, reported.key.sourceSeriesUid, reported.key.revision)).length === 0)
        return reported.key;
      const { objects = RESULT_KINDS } = destinationOf(reported.key, config) ?? {};
      if ((await uncommittedResults(tx, reported.key, objects)).length === 0) {
        if (!(await setDelivery(tx, reported.key, 'delivered'))) return reported.key;
        outcome = 'committed';
        // What waits to ask again finds that it has ended.
        await continueDelivery(queues, tx, reported.key);
      } else if (newest && failures.length > 0) {
        const [first] = failures;
        const said = first!.reason === -1 ? 'not mentioned' : `failure reason ${hex(first!.reason)}`;
        const detail = `${failures.length} objects, the first: ${said}`;
        const error = new RaunetError('RAUNET_COMMITMENT_FAILED', {
          ...errorContext(reported.key, detail),
          sopInstanceUid: first!.sopInstanceUid,
        });
        if (await sendAgain(tx, reported.key, error, deps)) outcome = 'failed';
      }
      return reported.key;
    });
    log.info('storage commitment reported', {
      stage: 'delivery',
      ...jobOf(key),
      transactionUid: report.transactionUid,
      committed: report.committed.length,
      failed: report.failed.length,
    });
    if (outcome !== null) deps.commitment(key.destination, outcome);
  };

/** Objects that are not committed to are sent again after a pause, or the delivery is dead. False where it has gone on already. */
async function sendAgain(
  tx: Tx,
  key: DeliveryKey,
  error: RaunetError,
  { config, queues }: CommitDeps,
): Promise<boolean> {
  const destination = destinationOf(key, config);
  const series = await findSeries(tx, key.sourceSeriesUid);
  if (series !== null && series.revision > key.revision) return setDelivery(tx, key, 'superseded', error);
  if ((await deliveryState(tx, key)) !== 'stored') return false;
  const round = await nextRound(tx, key);
  if (round > (destination?.commitment?.resends ?? 0)) return setDelivery(tx, key, 'dead', error);
  await setDelivery(tx, key, 'waiting', error);
  const { retrySeconds, retryMaxSeconds } = destination!;
  const pause = Math.min(retrySeconds * 2 ** (round - 1), retryMaxSeconds);
  await continueDelivery(queues, tx, key, pause);
  return true;
}

/** Undefined where the configuration has it no longer. */
const destinationOf = ({ destination }: DeliveryKey, { delivery }: Config): DestinationConfig | undefined =>
  delivery.destinations.find(({ name }) => name === destination);

const errorContext = ({ sourceSeriesUid: seriesUid, destination }: DeliveryKey, detail: string) => ({
  stage: 'delivery' as const,
  seriesUid,
  destination,
  detail,
});

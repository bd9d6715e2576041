import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientConfig } from 'pg';
import { type ConstructorOptions, type JobResult, type JobWithMetadata, PgBoss, systemClock } from 'pg-boss';
import { RaunetError, toRaunetError } from '../lib/errors';
import type { Log } from '../lib/log';
import { type Db, rethrow, SESSION, type Tx } from './pool';
import { prepared } from './prepared';
import { attemptLimit, deadLetterOf, failureError, failureOf, verdict } from './retry';

export interface QueueOptions {
  /** Errors that are retried before the job is dead; errors of class permanent never are. */
  retryLimit: number;
  /** First pause before a retry; doubled each time. */
  retrySeconds: number;
  retryMaxSeconds: number;
  /** Longest `afterSeconds` that any process asks for, where it is longer than the pauses: whoever does not ask knows it too. */
  longestWaitSeconds?: number;
}

export interface SendOptions {
  /** At most one job of a key waits and one is active: a second `send` changes the waiting one. */
  key: string;
  /** Higher runs first. */
  priority?: number;
  /** Not before so many seconds from now. Sending again starts the wait anew: debounce. */
  afterSeconds?: number;
}

export interface Job<Data> {
  id: string;
  data: Data;
  /** 1 at the first run; counts runs that ended with their process too. */
  attempt: number;
  /** Aborted when the job was cancelled or taken over, and at the end of the time that `stop` gives. */
  signal: AbortSignal;
  /** Completes the job in `tx`, so that it commits with what the job did. Throws RAUNET_JOB_TAKEN where it is no longer ours. */
  complete(tx: Tx): Promise<void>;
}

export interface Worker<Data> {
  /** Jobs of this queue at once in this process. */
  concurrency: number;
  /** May run again for one job, after a crash: it must be idempotent. */
  run(job: Job<Data>): Promise<void>;
  /**
   * The job failed for good, or its process died too often. At least once; not while the same key waits again.
   * Repeated while it throws an error that may pass.
   */
  dead(data: Data, error: RaunetError): Promise<void>;
}

export interface QueueDepth {
  queue: string;
  /** Waiting, whether due or not. */
  waiting: number;
  active: number;
}

export interface Queues {
  define(queue: string, options: QueueOptions): Promise<void>;
  /** Commits and rolls back with `tx`. */
  send(tx: Tx, queue: string, data: object, options: SendOptions): Promise<void>;
  work<Data extends object>(queue: string, worker: Worker<Data>): Promise<void>;
  /** Waiting and active jobs of the key; the signal of an active one is aborted within five seconds. */
  cancel(tx: Tx, queue: string, key: string): Promise<void>;
  /** Of the waiting job of the key, if there is one. */
  setPriority(tx: Tx, queue: string, key: string, priority: number): Promise<void>;
  /** Whether a job of the key waits or is active. */
  has(db: Db, queue: string, key: string): Promise<boolean>;
  /** As of a few seconds ago. Throws RAUNET_DATABASE. */
  depth(): Promise<QueueDepth[]>;
  /** Takes no more jobs, gives the active ones `graceSeconds` to end, then aborts them and hands them back. */
  stop(graceSeconds: number): Promise<void>;
}

/** The schema of pg-boss, beside our own. */
const SCHEMA = 'raunet_jobs';
/** How often pg-boss looks for workers that fell silent, and counts the queues. */
const SUPERVISE_SECONDS = 3;
/** pg-boss's shortest pause between two looks into a queue. NOTIFY would not wake a delayed job. */
const POLL_SECONDS = 0.5;
/** How often jobs are looked for that wait longer than anybody asked, since the clock was set back. */
const CLOCK_MS = 15_000;
/**
 * Goes on evenly whatever becomes of the clock of the machine. A worker of pg-boss waits for its interval less the time
 * that its last job took: were the clock set back by a day meanwhile, it would look for no job for a day.
 */
const STEADY_CLOCK = { ...systemClock, now: () => performance.timeOrigin + performance.now() };
/** An aborted job that does not end in this time is left behind; it can no longer complete. */
const ABORT_MS = 5000;

const EVERY_QUEUE = {
  /** pg-boss's shortest: a job whose worker is silent for this long goes to another. */
  heartbeatSeconds: 10,
  /** Longer than any job, for the heartbeat tells whether its worker lives; pg-boss takes up to 24 h. */
  expireInSeconds: 12 * 3600,
  /** pg-boss's longest: no waiting job is dropped because the service was off for weeks. */
  retentionSeconds: 364 * 24 * 3600,
  deleteAfterSeconds: 3600,
  retryBackoff: true,
};
const EVERY_DEAD_QUEUE = { ...EVERY_QUEUE, retryLimit: 1000, retryDelay: 1, retryDelayMax: 300 };

/**
 * Durable queues on pg-boss: each job with its key, its retries and a dead letter queue `<name>.dead`. Knows no stage.
 * Delivery is at least once. Throws RAUNET_DATABASE.
 */
export async function openQueues(deps: { connection: ClientConfig; log: Log }): Promise<Queues> {
  const { log } = deps;
  const boss = new PgBoss({
    ...(deps.connection as ConstructorOptions),
    ...SESSION,
    schema: SCHEMA,
    application_name: 'raunet jobs',
    max: 8,
    schedule: false,
    clock: STEADY_CLOCK,
    superviseIntervalSeconds: SUPERVISE_SECONDS,
    monitorIntervalSeconds: SUPERVISE_SECONDS,
    maintenanceIntervalSeconds: 600,
    openTelemetry: { enabled: false },
  });
  // While the database is away each worker reports it at each look.
  const oftenSame = rarely(30_000);
  boss.on('error', (error) => oftenSame(() => log.warn('The job queue had an error', { error })));
  boss.on('warning', ({ message, data }) => log.warn(`The job queue warns: ${message}`, { data }));
  await boss.start({ attempts: 5 }).catch((cause: Error) => {
    throw new RaunetError('RAUNET_DATABASE', { detail: cause.message }, { cause });
  });
  const limits = new Map<string, number>();
  /** Longest pause that anybody asked for in a queue, seconds. */
  const longestPauses = new Map<string, number>();
  const clock = setInterval(() => void shortenWaits(), CLOCK_MS).unref();
  const running = new Set<Promise<void>>();

  const pauseOf = (queue: string, seconds: number): void =>
    void longestPauses.set(queue, Math.max(longestPauses.get(queue) ?? 0, seconds));

  async function shortenWaits(): Promise<void> {
    for (const [queue, seconds] of longestPauses)
      await boss
        .getDb()
        .executeSql(
          `UPDATE ${SCHEMA}.job SET start_after = now() + $2 * interval '1 second'
            WHERE name = $1 AND state < 'active' AND start_after > now() + ($2 + 5) * interval '1 second'`,
          [queue, seconds],
        )
        .catch((error: unknown) => oftenSame(() => log.warn('The job queue had an error', { error })));
  }

  const findJobs = (queue: string, key: string, db?: Db) =>
    boss.findJobs(queue, { key, ...(db ? { db: within(db) } : {}) }).then((jobs) => jobs.filter(isOpen));

  async function runOne<Data>(queue: string, job: JobWithMetadata<Data>, run: Worker<Data>['run']) {
    const { id, data, retryCount, signal } = job;
    const fields = { jobId: id, queue, attempt: retryCount + 1 };
    try {
      const done = run({
        id,
        data,
        attempt: retryCount + 1,
        signal,
        async complete(tx) {
          const answer = await boss.complete(queue, { id, retryCount }, null, { db: within(tx) });
          // Fenced by pg-boss: the row is ours only while it is active and has this retryCount.
          if ((answer as { affected: number }).affected === 0)
            throw new RaunetError('RAUNET_JOB_TAKEN', { detail: `job ${id} of ${queue}` });
        },
      });
      running.add(done);
      await done.finally(() => running.delete(done));
      return { id, status: 'completed' as const };
    } catch (error) {
      const failure = failureOf(error, job.output);
      const status = verdict(failure, limits.get(queue)!);
      if (signal.aborted || failure.code === 'RAUNET_JOB_TAKEN')
        log.info('Gave up a job', { ...fields, error });
      else if (status === 'failed') log.warn('A job failed and is tried again', { ...fields, error });
      else log.error('A job failed for good', { ...fields, error });
      return { id, status, output: failure };
    }
  }

  return {
    async define(queue, { retryLimit, retrySeconds, retryMaxSeconds, longestWaitSeconds = 0 }) {
      limits.set(queue, retryLimit);
      pauseOf(queue, Math.max(retrySeconds, retryMaxSeconds, longestWaitSeconds));
      const own = {
        ...EVERY_QUEUE,
        retryLimit: attemptLimit(retryLimit),
        retryDelay: Math.ceil(retrySeconds),
        retryDelayMax: Math.ceil(Math.max(retrySeconds, retryMaxSeconds)),
        deadLetter: deadLetterOf(queue),
      };
      await boss.createQueue(deadLetterOf(queue), EVERY_DEAD_QUEUE);
      await boss.createQueue(queue, { policy: 'stately', ...own });
      // A queue of an earlier start keeps its old numbers otherwise.
      await boss.updateQueue(queue, own);
    },

    async send(tx, queue, data, { key, priority = 0, afterSeconds = 0 }) {
      pauseOf(queue, afterSeconds);
      await boss.upsert(queue, data, {
        singletonKey: key,
        priority,
        startAfter: Math.ceil(afterSeconds * 1000) / 1000,
        db: within(tx),
      });
    },

    async work<Data extends object>(queue: string, worker: Worker<Data>) {
      const options = {
        includeMetadata: true,
        perJobResults: true,
        pollingIntervalSeconds: POLL_SECONDS,
        localConcurrency: worker.concurrency,
      } as const;
      await boss.work<Data, JobResult[], typeof options>(queue, options, async ([job]) => [
        await runOne(queue, job!, worker.run),
      ]);
      const metadata = { includeMetadata: true } as const;
      await boss.work<Data, void, typeof metadata>(deadLetterOf(queue), metadata, async ([job]) => {
        const { data, singletonKey, sourceOutput } = job!;
        if (singletonKey && (await findJobs(queue, singletonKey)).length > 0) return;
        await worker.dead(data, failureError(sourceOutput)).catch((error: unknown) => {
          if (toRaunetError(error).class !== 'permanent') throw error;
          log.error('The end of a dead job could not be recorded', { jobId: job!.id, queue, error });
        });
      });
    },

    async cancel(tx, queue, key) {
      const jobs = await findJobs(queue, key, tx);
      if (jobs.length > 0)
        await boss.cancel(
          queue,
          jobs.map(({ id }) => id),
          { db: within(tx) },
        );
    },

    async setPriority(tx, queue, key, priority) {
      await boss.update(queue, undefined, { singletonKey: key, match: 'all', priority, db: within(tx) });
    },

    async has(db, queue, key) {
      return (await findJobs(queue, key, db)).length > 0;
    },

    async depth() {
      const queues = await boss.getQueues().catch(rethrow);
      return queues
        .filter(({ name }) => limits.has(name))
        .map(({ name, queuedCount, activeCount }) => ({
          queue: name,
          waiting: queuedCount,
          active: activeCount,
        }));
    },

    async stop(graceSeconds) {
      clearInterval(clock);
      await boss.stop({ timeout: graceSeconds * 1000 });
      await Promise.race([Promise.allSettled(running), sleep(ABORT_MS, undefined, { ref: false })]);
    },
  };
}

const isOpen = ({ state }: { state: string }): boolean =>
  state === 'created' || state === 'retry' || state === 'active';

/** pg-boss's view of a session of ours: what it does there commits and rolls back with it. */
const within = (db: Db) => ({
  executeSql: (text: string, values?: unknown[]): Promise<{ rows: unknown[] }> =>
    db.query(prepared(text, values)),
});

/** Calls at most once in `ms`. */
function rarely(ms: number): (tell: () => void) => void {
  let next = 0;
  return (tell) => {
    if (Date.now() < next) return;
    next = Date.now() + ms;
    tell();
  };
}

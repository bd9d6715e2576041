import { resolve } from 'node:path';
import { watchEventLoop } from './admin/event-loop';
import { createMetrics } from './admin/metrics';
import { startAdmin } from './admin/server';
import { type Analyst, analysisLimits, openAnalyst } from './analysis/analyst';
import { openAudit } from './audit/open';
import { startListener } from './association/listener';
import { REJECTION } from './association/rejections';
import { loadCodes } from './config/codes';
import type { Config } from './config/schema';
import { countInstances, echo } from './delivery/query';
import { openInference } from './inference/open';
import type { Inference } from './inference/types';
import { openDatabase } from './jobs/database';
import { createPool } from './jobs/pool';
import { openQueues } from './jobs/queue';
import { systemClock } from './lib/clock';
import type { RaunetError } from './lib/errors';
import type { Log } from './lib/log';
import { PACKAGE_ROOT, SERVICE_VERSION } from './lib/package';
import { diskWatermark } from './maintenance/disk-watermark';
import { echoMonitor } from './maintenance/echo-monitor';
import { startMaintenance } from './maintenance/schedule';
import { claimRecords } from './records/installation';
import { recordCounts } from './records/metrics';
import { migrate } from './records/migrate';
import { userStore } from './records/users';
import { openSpool } from './spool/spool';
import { type AnalyseDeps, analysisDead, runAnalysis } from './steps/analyse';
import { assemble, assembleDead } from './steps/assemble';
import { commitmentReported } from './steps/commit';
import { type DeliverDeps, deliver, deliveryDead } from './steps/deliver';
import { installationId } from './steps/installation';
import { checkFolders, checkMarkedFolders, claimFolders } from './steps/own-folders';
import { seriesDesk } from './steps/operator';
import { audited, auditedQuery, listenerAudit, tellTokenChanges } from './steps/told';
import { producerOf } from './steps/producer';
import {
  ANALYSE_QUEUE,
  type AnalyseJob,
  analyseOptions,
  type DeliverJob,
  deliverOptions,
  deliverQueue,
  REPORT_QUEUE,
  type ReportJob,
  reportOptions,
  SERIES_QUEUE,
  type SeriesJob,
  seriesOptions,
} from './steps/queues';
import { readiness } from './steps/readiness';
import { associationEnded, storeReceipt } from './steps/receive';
import { commitmentRequested, report, reportDead, type VouchDeps } from './steps/vouch';
import { upkeep } from './steps/upkeep';

export interface App {
  /** Null without the role `receive`. */
  dicomPort: number | null;
  adminPort: number;
  /** In order: no new work, running jobs end or are handed back, then what they stand on. Idempotent. */
  stop(): Promise<void>;
}

/** Running jobs may take so long to end before they are handed back, seconds. */
const STOP_SECONDS = 30;

/**
 * Builds the service and starts it: what others need first, the doors last, so that nothing is accepted before
 * everything behind it works. onFatal: the service can do no more and must be stopped. What was started is stopped again where a later part fails.
 */
export async function startApp(
  config: Config,
  log: Log,
  onFatal: (error: RaunetError) => void,
): Promise<App> {
  const started: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (let end = started.pop(); end !== undefined; end = started.pop())
      await end().catch((error: unknown) => log.error('A part of the service did not stop', { error }));
  };
  try {
    const ports = await build(config, log, onFatal, (end) => started.push(end));
    log.info('The service is up', { ...ports, roles: config.roles, version: SERVICE_VERSION });
    return { ...ports, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function build(
  config: Config,
  log: Log,
  onFatal: (error: RaunetError) => void,
  onStop: (end: () => Promise<void>) => void,
): Promise<{ dicomPort: number | null; adminPort: number }> {
  const dataDir = resolve(config.dataDir);
  const codes = loadCodes();
  const metrics = createMetrics();

  const installId = await installationId(dataDir);
  await checkMarkedFolders(dataDir, installId);
  const areMounted = () => checkFolders(dataDir, installId);
  const spool = await openSpool({ dataDir, log, check: areMounted });
  const auditTrail = await openAudit({ dataDir, config, sourceId: installId, log });
  const { audit } = auditTrail;
  onStop(() => auditTrail.close());
  const roles = new Set(config.roles);
  const analyser = roles.has('analyse') ? await openAnalyser(config, log, onStop) : null;

  const database = await openDatabase({ url: config.database.url, dataDir, log, onLost: onFatal });
  onStop(() => database.stop());
  const pool = createPool(database.connection, log);
  onStop(() => pool.end());
  await migrate(pool);
  const isEmbedded = config.database.url === undefined;
  if (!isEmbedded) await claimRecords(pool, installId);
  await claimFolders(pool, dataDir, installId, isEmbedded);
  // With the embedded database the data folder is ours alone: what a killed predecessor was writing is nobody's.
  if (isEmbedded) await spool.sweep(0);
  const queues = await openQueues({ connection: database.connection, log });
  onStop(() => queues.stop(STOP_SECONDS));

  const ourAe = config.association.aeTitle;
  const destinations = new Map(config.delivery.destinations.map((each) => [each.name, each]));
  const queried = destinations.get(config.series.queryDestination ?? '');
  const assembleDeps = {
    config,
    pool,
    queues,
    log,
    spoolPath: spool.path,
    countInstances: (series: { studyUid: string; seriesUid: string }) =>
      queried === undefined
        ? Promise.resolve(null)
        : auditedQuery(queried, series, audit, countInstances(queried, series, { ourAe })).catch(
            (error: unknown) => {
              log.warn('The expected number of instances is not known', { stage: 'series', error });
              return null;
            },
          ),
  };
  const shared: Omit<AnalyseDeps, 'codes' | 'producer' | 'analyst'> = {
    config,
    pool,
    queues,
    spool,
    checkFolders: areMounted,
    log,
    stageSeconds: (stage, seconds) => metrics.stageDone(stage, seconds),
    failed: (error) => metrics.failure(error.code, error.context.stage ?? 'none'),
  };
  const deliverDeps: DeliverDeps = {
    ...shared,
    audit,
    sent: (destination) => metrics.objectSent(destination),
    commitment: (destination, outcome) => metrics.commitment(destination, outcome),
  };

  // Each process sends jobs to all of them, whoever works there.
  await queues.define(SERIES_QUEUE, seriesOptions);
  await queues.define(ANALYSE_QUEUE, analyseOptions(config.jobs));
  await queues.define(REPORT_QUEUE, reportOptions);
  for (const each of destinations.values())
    await queues.define(deliverQueue(each.name), deliverOptions(each));
  if (analyser) {
    const { inference, analyst } = analyser;
    const producer = () => producerOf(installId, config, inference);
    const analyseDeps: AnalyseDeps = { ...shared, codes, producer, analyst };
    await queues.work<SeriesJob>(SERIES_QUEUE, {
      concurrency: 2,
      run: (job) => assemble(job, assembleDeps),
      dead: assembleDead(pool),
    });
    await queues.work<AnalyseJob>(ANALYSE_QUEUE, {
      concurrency: config.jobs.analysers,
      run: (job) => runAnalysis(job, analyseDeps),
      dead: (data, error) => analysisDead(data, error, analyseDeps),
    });
  }
  if (roles.has('deliver'))
    for (const each of destinations.values())
      await queues.work<DeliverJob>(deliverQueue(each.name), {
        concurrency: 1,
        run: (job) => deliver(job, each, deliverDeps),
        dead: deliveryDead(deliverDeps),
      });

  const minFreeBytes = config.maintenance.minFreeMegabytes * 1e6;
  const disk = diskWatermark({
    minFreeBytes,
    freeBytes: () => spool.freeBytes(),
    log,
  });
  const echoes = echoMonitor({
    destinations: [...destinations.keys()],
    echo: async (name) => void (await echo(destinations.get(name)!, { ourAe })),
    log,
    clock: systemClock,
  });
  const tasks = upkeep({ config, pool, queues, spool, checkFolders: areMounted, log, disk, echoes, audit });
  const maintenance = startMaintenance({ config: config.maintenance, log, tasks });
  onStop(() => maintenance.stop());
  await maintenance.run('disk');
  await maintenance.run('reconcile');
  void maintenance.run('echo');

  const receiveDeps = { config, spool, pool, queues, log };
  const listener = !roles.has('receive')
    ? null
    : await startListener({
        config: config.association,
        spool,
        log,
        store: storeReceipt(receiveDeps),
        admit: () => (disk.state().low ? REJECTION.localLimitExceeded : null),
        associationEnded: associationEnded(receiveDeps),
        commitment: {
          requested: commitmentRequested(receiveDeps),
          reported: commitmentReported(deliverDeps),
        },
        ...listenerAudit(audit),
        metrics: {
          instance: (bytes) => metrics.instanceReceived(bytes),
          rejected: (reason) => metrics.associationRejected(reason),
          failed: (code) => metrics.failure(code, 'association'),
        },
      });
  if (listener) {
    onStop(() => listener.close(true));
    const vouchDeps: VouchDeps = { ...receiveDeps, checkFolders: areMounted, listener };
    await queues.work<ReportJob>(REPORT_QUEUE, {
      concurrency: 1,
      run: (job) => report(job, vouchDeps),
      dead: reportDead(vouchDeps),
    });
  }

  onStop(await tellTokenChanges({ pool, auditTrail, log }));
  const admin = await startAdmin({
    config: config.admin,
    log,
    version: SERVICE_VERSION,
    metrics,
    readiness: () =>
      readiness({ config, pool, inference: analyser?.inference ?? null, disk, echoes, listener, auditTrail }),
    series: roles.has('admin') ? audited(seriesDesk({ pool, queues, config }), audit) : null,
    users: userStore(pool),
    audit,
    gauges: {
      records: () => recordCounts(pool),
      queues: () => queues.depth(),
      diskFreeBytes: () => spool.freeBytes(),
    },
  });
  onStop(() => admin.close());
  // Last, since loading and starting count for nothing: nobody could wait for an answer yet.
  const unwatch = watchEventLoop((seconds) => metrics.eventLoopDelay(seconds));
  onStop(async () => unwatch());
  return { dicomPort: listener?.port ?? null, adminPort: admin.port };
}

/** What only the role `analyse` needs: the model, and a thread for what takes long. */
async function openAnalyser(
  config: Config,
  log: Log,
  onStop: (end: () => Promise<void>) => void,
): Promise<{ inference: Inference; analyst: Analyst }> {
  const inference = await openInference({ config: config.inference, log, root: PACKAGE_ROOT });
  onStop(() => inference.close());
  const analyst = openAnalyst({ inference, log, limits: analysisLimits(config) });
  onStop(() => analyst.close());
  return { inference, analyst };
}

import type { Pool } from 'pg';
import type { Analyst, Material } from '../analysis/analyst';
import type { Reason } from '../analysis/protocol';
import type { Codes } from '../config/codes';
import type { Config } from '../config/schema';
import { route } from '../delivery/route';
import { transaction } from '../jobs/pool';
import type { Job, Queues } from '../jobs/queue';
import { RaunetError, toRaunetError } from '../lib/errors';
import type { Log } from '../lib/log';
import type { AnalysisStage } from '../pipeline';
import { erasuresOf } from '../records/erase';
import { findSeries, instancesOf, seriesDetail } from '../records/read';
import { markLost } from '../records/receive';
import { findResult, type NewResult, resultsOf, saveResults } from '../records/results';
import { addEvent, changeState, type StateChange } from '../records/state';
import type { SeriesRecord, SeriesState } from '../records/types';
import type { EncodedObject, Producer, ResultContext } from '../result/types';
import type { Spool } from '../spool/spool';
import { type AnalyseJob, analyseKey, type DeliverJob, deliverQueue, RANK } from './queues';
import { receivingRemarks } from './receiving-remarks';
import { stageReporter, WITHDRAWN } from './stage-reporter';

export interface AnalyseDeps {
  analyst: Analyst;
  log: Log;
  config: Config;
  codes: Codes;
  producer: () => Producer;
  pool: Pool;
  queues: Queues;
  spool: Spool;
  /** Throws RAUNET_FOLDER_FOREIGN where spool or results is not mounted. */
  checkFolders: () => Promise<void>;
  /** Seconds that each stage took. */
  stageSeconds: (stage: AnalysisStage | 'delivery', seconds: number) => void;
  failed: (error: RaunetError) => void;
}

/**
 * A job of the analyse queue: the pipeline, results durable, then result rows, deliveries and the end of this job in
 * one transaction. A refusal (an error of class permanent) becomes a report and is no failure of the job. Throws
 * RAUNET_JOB_TAKEN where another process took the job over meanwhile, and errors that may pass.
 */
export async function runAnalysis(job: Job<AnalyseJob>, deps: AnalyseDeps): Promise<void> {
  const { pool } = deps;
  const { seriesUid, revision } = job.data;
  const series = await findSeries(pool, seriesUid);
  // A job may come twice: what it was for may be done, changed or called off.
  if (series === null || series.revision !== revision || !AT_WORK.has(series.state))
    return transaction(pool, (tx) => job.complete(tx));
  const reporter = stageReporter(job, deps);
  let material: Material | null = null;
  try {
    material = await verified(series, deps);
    const { objects } = await deps.analyst.analyse(material, {
      report: reporter.report,
      signal: reporter.signal,
      context: async (warnings) => {
        for (const { code, sentence } of warnings) await addEvent(pool, seriesUid, { code, sentence });
        return contextFor(series, deps);
      },
    });
    await deliverLater(job, series, objects, deps);
  } catch (thrown) {
    const error = toRaunetError(thrown, { seriesUid });
    if (WITHDRAWN.has(error.code)) return await transaction(pool, (tx) => job.complete(tx));
    // No step of the pipeline leads there: another process works on the series too, since one of both stood still.
    if (error.code === 'RAUNET_STATE')
      throw new RaunetError('RAUNET_JOB_TAKEN', error.context, { cause: error });
    if (error.class !== 'permanent') throw error;
    deps.failed(error);
    deps.log.warn('series refused', {
      ...error.context,
      seriesUid,
      studyUid: series.studyUid,
      jobId: job.id,
      error,
    });
    if (error instanceof FilesLost) await loseFiles(job, error, deps);
    else await refuse(job, series, material, error, 'Not Attempted', deps);
  } finally {
    reporter.end();
  }
}

/** States that an analysis begins in, or begins again in after its process died. */
const AT_WORK = new Set<SeriesState>(['series', 'volume', 'tensor', 'inference', 'mask', 'result']);

/** An analysis that failed for a passing reason too often. */
export async function analysisDead(data: AnalyseJob, error: RaunetError, deps: AnalyseDeps): Promise<void> {
  const series = await findSeries(deps.pool, data.seriesUid);
  if (series === null || series.revision !== data.revision || series.finishedAt !== null) return;
  deps.failed(error);
  const material = await verified(series, deps).catch((thrown: unknown) => unreported(series, thrown, deps));
  await refuse({ data, complete: async () => {} }, series, material, error, 'Failed', deps);
}

/** Why nothing can be said in the PACS of an analysis that ended. Throws RAUNET_DATABASE: the end comes again. */
function unreported({ studyUid, seriesUid }: SeriesRecord, thrown: unknown, { log }: AnalyseDeps): null {
  const error = toRaunetError(thrown, { seriesUid });
  if (error.code === 'RAUNET_DATABASE') throw error;
  log.warn('no report can be made of a series that ends', { stage: 'result', studyUid, seriesUid, error });
  return null;
}

interface LostFile {
  file: string;
  code: Parameters<typeof markLost>[3];
}

class FilesLost extends RaunetError {
  constructor(
    seriesUid: string,
    readonly lost: readonly LostFile[],
  ) {
    const [first] = lost;
    super(first!.code, {
      stage: 'spool',
      seriesUid,
      detail: `${lost.length} files, one is ${first!.file}`,
    });
  }
}

/** The series fails, and what was lost is taken again when it is sent again. */
async function loseFiles(
  { data, complete }: Ending,
  { lost }: FilesLost,
  { pool, spool, log }: AnalyseDeps,
): Promise<void> {
  for (const { file, code } of lost)
    if (code === 'RAUNET_SPOOL_ALTERED')
      await spool.setAside(file).catch((error: unknown) =>
        log.warn('an altered file keeps its name; what is sent again will lie beside it', {
          stage: 'spool',
          seriesUid: data.seriesUid,
          file,
          error,
        }),
      );
  const files = lost.map(({ file }) => file);
  await transaction(pool, async (tx) => {
    await markLost(tx, data.seriesUid, files, lost[0]!.code);
    await complete(tx);
  });
}

/** Files that still have the bytes that were acknowledged. Throws RAUNET_SPOOL_MISSING, RAUNET_SPOOL_ALTERED, RAUNET_FOLDER_FOREIGN. */
async function verified(
  { seriesUid, callingAe, calledAe }: SeriesRecord,
  { pool, spool, checkFolders }: AnalyseDeps,
): Promise<Material> {
  const instances = await instancesOf(pool, seriesUid);
  const lost: LostFile[] = [];
  for (const { file, sha256 } of instances)
    await spool.verify(file, sha256).catch((thrown: unknown) => {
      const { code } = toRaunetError(thrown);
      if (code !== 'RAUNET_SPOOL_MISSING' && code !== 'RAUNET_SPOOL_ALTERED') throw thrown;
      lost.push({ file, code });
    });
  if (lost.length > 0) {
    await checkFolders();
    throw new FilesLost(seriesUid, lost);
  }
  return { files: instances.map(({ file }) => spool.path(file)), sender: { callingAe, calledAe } };
}

async function contextFor(series: SeriesRecord, deps: AnalyseDeps): Promise<ResultContext> {
  const detail = await seriesDetail(deps.pool, series.seriesUid);
  const erasures = await erasuresOf(deps.pool, series.seriesUid);
  const reports =
    detail?.results.filter(({ kind, revision }) => kind === 'SR' && revision < series.revision) ?? [];
  return {
    producer: deps.producer(),
    codes: deps.codes,
    options: deps.config.result,
    createdAt: new Date(),
    erasures: erasures.times,
    remarks: detail === null ? [] : receivingRemarks(detail),
    predecessor: reports.at(-1) ?? erasures.report,
  };
}

type Ending = Pick<Job<AnalyseJob>, 'data' | 'complete'>;

async function refuse(
  ending: Ending,
  series: SeriesRecord,
  material: Material | null,
  error: RaunetError,
  outcome: 'Failed' | 'Not Attempted',
  deps: AnalyseDeps,
): Promise<void> {
  const { pool } = deps;
  const { seriesUid, revision } = ending.data;
  const change = { code: error.code, sentence: error.message };
  const objects = await refusalObjects(series, material, { outcome, ...change }, deps);
  if (objects === null || objects.length === 0)
    return transaction(pool, async (tx) => {
      await changeState(tx, seriesUid, { to: objects === null ? 'failed' : 'refused', revision, ...change });
      await ending.complete(tx);
    });
  await deliverLater(ending, series, objects, deps, change);
}

/** Null where the files cannot be read or name two patients: then nothing can be said about them in the PACS. */
async function refusalObjects(
  series: SeriesRecord,
  material: Material | null,
  reason: Reason,
  deps: AnalyseDeps,
): Promise<EncodedObject[] | null> {
  if (material === null) return null;
  try {
    return await deps.analyst.refuse(material, reason, await contextFor(series, deps));
  } catch (thrown) {
    if (toRaunetError(thrown).class !== 'permanent') throw thrown;
    return unreported(series, thrown, deps);
  }
}

/** Objects durable, then rows, delivery jobs and the end of the analysis at once. `refusal`: what the objects report. */
async function deliverLater(
  { data, complete }: Ending,
  series: SeriesRecord,
  objects: readonly EncodedObject[],
  { config, pool, queues, spool, log }: AnalyseDeps,
  refusal?: Pick<StateChange, 'code' | 'sentence'>,
): Promise<void> {
  const { seriesUid, revision } = data;
  const results = await kept(objects, seriesUid, pool, spool);
  const { destinations, reason } = routed(series, config);
  await transaction(pool, async (tx) => {
    if (refusal) await changeState(tx, seriesUid, { to: 'result', revision, ...refusal });
    await saveResults(tx, { seriesUid, revision, results, destinations });
    await addEvent(tx, seriesUid, { code: null, sentence: reason });
    for (const destination of destinations) {
      const job: DeliverJob = { seriesUid, revision, destination };
      await queues.send(tx, deliverQueue(destination), job, {
        key: analyseKey(job),
        priority: RANK[series.priority],
      });
    }
    await complete(tx);
  });
  log.info('results are kept and wait for delivery', {
    stage: 'result',
    studyUid: series.studyUid,
    seriesUid,
    revision,
    results: results.map(({ kind }) => kind),
    destinations,
  });
}

/**
 * The objects' bytes on disk. Where a UID was used before, all results of that analysis instead: they may have left the
 * house, and objects of two analyses are no set.
 */
async function kept(
  objects: readonly EncodedObject[],
  sourceSeriesUid: string,
  pool: Pool,
  spool: Spool,
): Promise<NewResult[]> {
  for (const { sopInstanceUid } of objects) {
    const known = await findResult(pool, sopInstanceUid);
    if (known !== null) return resultsOf(pool, known.sourceSeriesUid, known.revision);
  }
  const results: NewResult[] = [];
  for (const { bytes, ...object } of objects) {
    const { sopInstanceUid } = object;
    results.push({ ...object, ...(await spool.storeResult({ sourceSeriesUid, sopInstanceUid, bytes })) });
  }
  return results;
}

/** Nowhere to send to is told as the series' failure, with its results kept. */
function routed(series: SeriesRecord, config: Config): { destinations: string[]; reason: string } {
  try {
    return route(series, config.delivery);
  } catch (thrown) {
    return { destinations: [], reason: toRaunetError(thrown).message };
  }
}

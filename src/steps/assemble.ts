import type { Pool } from 'pg';
import type { Config } from '../config/schema';
import { type Tx, transaction } from '../jobs/pool';
import type { Job, Queues } from '../jobs/queue';
import type { ErrorCode } from '../lib/error-codes';
import { RaunetError, toRaunetError } from '../lib/errors';
import type { Log } from '../lib/log';
import { readHeaders } from '../pipeline';
import { findSeries, instancesOf, originalOf, seriesList } from '../records/read';
import { closeSeries, notReceivedLaterThan, setExpectedInstances } from '../records/receive';
import { addEvent, changeState } from '../records/state';
import type { SeriesRecord } from '../records/types';
import { isComplete } from '../series/complete';
import { type Candidate, type Choice, select } from '../series/select';
import { ANALYSE_QUEUE, type AnalyseJob, analyseKey, RANK, SERIES_QUEUE, type SeriesJob } from './queues';

export interface AssembleDeps {
  config: Config;
  pool: Pool;
  queues: Queues;
  log: Log;
  /** Absolute path of a file of the spool. */
  spoolPath: (file: string) => string;
  /** Asks the query destination for NumberOfSeriesRelatedInstances; null where nobody can be asked or knows. */
  countInstances: (series: { studyUid: string; seriesUid: string }) => Promise<number | null>;
}

/** A job of the series queue: waits for completeness, then lets the selection rules decide. */
export async function assemble(job: Job<SeriesJob>, deps: AssembleDeps): Promise<void> {
  const { config, pool, queues, log } = deps;
  const { seriesUid, associationEnded } = job.data;
  const series = await findSeries(pool, seriesUid);
  if (series === null || series.state !== 'spool') return transaction(pool, (tx) => job.complete(tx));

  const expected = await deps.countInstances(series);
  if (expected !== null) await setExpectedInstances(pool, seriesUid, expected);
  const arrival = {
    received: series.instances,
    expected,
    lastReceivedAt: series.lastReceivedAt,
    associationEnded,
  };
  const { quietSeconds } = config.series;
  const now = new Date();
  const { complete, reason, lookAgainAt } = isComplete(arrival, quietSeconds, now);
  // An instance moves no job of its own: this one looks again until the series is complete.
  const lookAgain = async (tx: Tx, afterSeconds: number) => {
    if (await queues.has(tx, SERIES_QUEUE, seriesUid)) return;
    const priority = RANK[series.priority];
    await queues.send(tx, SERIES_QUEUE, job.data, { key: seriesUid, priority, afterSeconds });
  };
  if (!complete)
    return transaction(pool, async (tx) => {
      await notReceivedLaterThan(tx, seriesUid, now);
      await job.complete(tx);
      await lookAgain(tx, (lookAgainAt!.getTime() - now.getTime()) / 1000);
    });

  const choice = await choose(series, deps);
  await transaction(pool, async (tx) => {
    const revision = await closeSeries(tx, seriesUid, series.instances, `Complete: ${reason}.`);
    await job.complete(tx);
    if (revision === null) return lookAgain(tx, quietSeconds);
    await addEvent(tx, seriesUid, { code: null, sentence: choice.reason });
    if (!choice.take)
      return void (await changeState(tx, seriesUid, {
        to: 'refused',
        code: choice.code,
        sentence: choice.reason,
      }));
    const data: AnalyseJob = { seriesUid, revision };
    await queues.send(tx, ANALYSE_QUEUE, data, { key: analyseKey(data), priority: RANK[series.priority] });
  });
  const { take, code, reason: why } = choice;
  const fields = { stage: 'series' as const, studyUid: series.studyUid, seriesUid, reason: why };
  if (take) log.info('series complete', fields);
  else if (code === 'RAUNET_NOT_SELECTED') log.info('series left out', fields);
  else log.warn('series refused', { ...fields, code });
}

/** The series could not even be looked at. */
export const assembleDead =
  (pool: Pool) =>
  async ({ seriesUid }: SeriesJob, error: RaunetError) =>
    transaction(pool, async (tx) => {
      const series = await findSeries(tx, seriesUid);
      if (series?.state !== 'spool') return;
      await changeState(tx, seriesUid, { to: 'failed', code: error.code, sentence: error.message });
    });

/** `code`: of the refusal, where the series is not taken. */
type Decision = Choice & { code: ErrorCode };

/** The analysis begins with every file, and marks those that are lost: sent again, they heal the series. */
const FILE_LOST: Decision = {
  take: true,
  code: 'RAUNET_NOT_SELECTED',
  reason: 'One of its files is missing; the analysis looks at all of them.',
};

async function choose(
  series: SeriesRecord,
  { config, pool, spoolPath, log }: AssembleDeps,
): Promise<Decision> {
  const candidateOf = async ({
    seriesUid,
    callingAe,
    calledAe,
    instances,
  }: SeriesRecord): Promise<Candidate | null> => {
    const records = await instancesOf(pool, seriesUid);
    const middle = records[records.length >> 1];
    if (middle === undefined) return null;
    const { summary, slices } = await readHeaders([spoolPath(middle.file)], { callingAe, calledAe });
    const sample = slices[slices.length >> 1];
    return sample === undefined ? null : { summary, sample, slices: Math.max(instances, slices.length) };
  };
  const candidate = await candidateOf(series).catch((error: unknown) => {
    if (toRaunetError(error).code === 'RAUNET_SPOOL_MISSING') return 'lost' as const;
    throw error;
  });
  if (candidate === 'lost') return FILE_LOST;
  if (candidate === null) return nothingToAnalyse(series.seriesUid, pool);
  const study = await seriesList(pool, { studyUid: series.studyUid, limit: 1000 });
  const others: Candidate[] = [];
  for (const other of study) {
    if (other.seriesUid === series.seriesUid || other.erasedAt !== null || hasFailed(other)) continue;
    const read = await candidateOf(other).catch((error: unknown) => {
      if (toRaunetError(error).code === 'RAUNET_DATABASE') throw error;
      const { studyUid, seriesUid } = other;
      const fields = { stage: 'series' as const, studyUid, seriesUid, error };
      log.warn('A series that cannot be read is no rival to another one of its study', fields);
      return null;
    });
    if (read !== null) others.push(read);
  }
  return { ...select(candidate, others, config.series), code: 'RAUNET_NOT_SELECTED' };
}

/** A PACS that corrects a study or series often leaves the SOP Instance UIDs as they were. */
async function nothingToAnalyse(seriesUid: string, pool: Pool): Promise<Decision> {
  const original = await originalOf(pool, seriesUid);
  if (original === undefined)
    return { take: false, code: 'RAUNET_NOT_SELECTED', reason: 'No instance can be analysed.' };
  const detail = original === null ? 'of a series erased since' : `of series ${original}`;
  const error = new RaunetError('RAUNET_UID_REUSED', { seriesUid, detail });
  return { take: false, code: error.code, reason: error.message };
}

/** Came to no result for a reason of its own: no series gives way to it. */
const hasFailed = ({ state, code }: SeriesRecord): boolean =>
  state === 'failed' || state === 'cancelled' || (state === 'refused' && code !== 'RAUNET_NOT_SELECTED');

import type { Pool } from 'pg';
import { transaction } from '../jobs/pool';
import type { Job } from '../jobs/queue';
import { toRaunetError } from '../lib/errors';
import type { Log } from '../lib/log';
import type { AnalysisStage } from '../pipeline';
import { changeState, setProgress } from '../records/state';
import type { AnalyseJob } from './queues';

/** Progress goes to the database at most this often, ms: it is for people. */
const PROGRESS_MS = 500;

/** Nobody wants this analysis any more: a newer revision, or an operator. */
export const WITHDRAWN = new Set<string>(['RAUNET_SUPERSEDED', 'RAUNET_CANCELLED']);

export interface StageReporterDeps {
  pool: Pool;
  log: Log;
  stageSeconds: (stage: AnalysisStage, seconds: number) => void;
}

export interface StageReporter {
  report: (stage: AnalysisStage, done: number) => Promise<void>;
  /** Aborted with the queue's signal, or when the records say that nobody wants this analysis any more. */
  signal: AbortSignal;
  end(): void;
}

/** Carries the stage of an analysis into the records, and their "no" back into the analysis. */
export function stageReporter(
  { id: jobId, data: { seriesUid, revision }, signal }: Job<AnalyseJob>,
  { pool, log, stageSeconds }: StageReporterDeps,
): StageReporter {
  const withdrawn = new AbortController();
  let warned = false;
  let stage: AnalysisStage | null = null;
  let since = performance.now();
  let told = 0;
  const leave = (next: AnalysisStage | null): void => {
    const now = performance.now();
    if (stage !== null) stageSeconds(stage, (now - since) / 1000);
    stage = next;
    since = now;
  };
  /** An analysis does not end because the database is away for a moment. */
  const progressFailed = (error: unknown): void => {
    if (WITHDRAWN.has(toRaunetError(error).code)) return withdrawn.abort(error);
    if (!warned)
      log.warn('the progress of an analysis is not on record', { stage: stage!, seriesUid, jobId, error });
    warned = true;
  };
  return {
    report: async (at, done) => {
      if (at !== stage) {
        leave(at);
        // `series` it is in already, from the job before this one.
        if (at === 'series') return;
        await transaction(pool, async (tx) => {
          await changeState(tx, seriesUid, { to: at, revision, sentence: `Stage ${at} began.` });
        });
      } else if (performance.now() - told > PROGRESS_MS) {
        told = performance.now();
        await setProgress(pool, seriesUid, revision, done).catch(progressFailed);
      }
    },
    signal: AbortSignal.any([signal, withdrawn.signal]),
    end: () => leave(null),
  };
}

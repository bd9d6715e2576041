import type { Pool } from 'pg';
import { transaction } from '../jobs/pool';
import type { Job } from '../jobs/queue';
import type { AnalysisStage } from '../pipeline';
import { changeState, setProgress } from '../records/state';
import type { AnalyseJob } from './queues';

/** Progress goes to the database at most this often, ms: it is for people. */
const PROGRESS_MS = 500;

export interface StageReporter {
  report: (stage: AnalysisStage, done: number) => Promise<void>;
  /** Aborted with the queue's signal, or when the records say that nobody wants this analysis any more. */
  signal: AbortSignal;
  end(): void;
}

/** Carries the stage of an analysis into the records, and their "no" back into the analysis. */
export function stageReporter(
  { data: { seriesUid, revision }, signal }: Job<AnalyseJob>,
  { pool, stageSeconds }: { pool: Pool; stageSeconds: (stage: AnalysisStage, seconds: number) => void },
): StageReporter {
  const withdrawn = new AbortController();
  let stage: AnalysisStage | null = null;
  let since = performance.now();
  let told = 0;
  const leave = (next: AnalysisStage | null): void => {
    const now = performance.now();
    if (stage !== null) stageSeconds(stage, (now - since) / 1000);
    stage = next;
    since = now;
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
        await setProgress(pool, seriesUid, revision, done).catch((error: unknown) => withdrawn.abort(error));
      }
    },
    signal: AbortSignal.any([signal, withdrawn.signal]),
    end: () => leave(null),
  };
}

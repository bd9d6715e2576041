import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Config } from '../config/schema';
import { allottedCores } from '../inference/cores';
import type { Inference } from '../inference/types';
import { cancelled, type RaunetError, toRaunetError } from '../lib/errors';
import type { Log } from '../lib/log';
import type { AnalysisStage, PipelineLimits } from '../pipeline';
import type { Heading } from '../result/picture/contact-sheet';
import type { EncodedObject, ResultContext } from '../result/types';
import type { Sender } from '../series/slices';
import type { Warning } from '../series/types';
import {
  type Analysed,
  errorOf,
  type FromThread,
  plainError,
  type Question,
  type Reason,
  type Task,
} from './protocol';

/** thread.js beside this file; thread.ts where TypeScript runs without a build (the tests' require hook does it). */
const THREAD = join(__dirname, `thread${extname(__filename)}`);

/** The files of one series, and where they came from. */
export interface Material {
  files: readonly string[];
  sender: Sender;
}

export interface AnalysisRun {
  /** Told as each stage begins, and how far it is: done in 0..1. A rejection ends the analysis. */
  report: (stage: AnalysisStage, done: number) => void | Promise<void>;
  /** Asked once the measurements stand. */
  context: (warnings: readonly Warning[]) => ResultContext | Promise<ResultContext>;
  /** Ends the analysis at once, in whatever it is. */
  signal?: AbortSignal | undefined;
  /** Heading of the pictures; left out: none are made. */
  pictures?: Heading;
}

/** Analyses in threads of their own: a long computation holds up nobody, and a thread that dies takes nothing along. */
export interface Analyst {
  /** pipeline.ts from headers to encoded objects. Throws what its stages throw. */
  analyse(material: Material, run: AnalysisRun): Promise<Analysed>;
  /**
   * What is sent for a series that was not analysed. Throws RAUNET_UNREADABLE, RAUNET_SPOOL_MISSING, RAUNET_SPOOL_READ,
   * RAUNET_MIXED_PATIENTS.
   */
  refuse(material: Material, refusal: Reason, context: ResultContext): Promise<EncodedObject[]>;
  /** Ends what runs. */
  close(): Promise<void>;
}

export interface AnalystDeps {
  inference: Inference;
  log: Log;
  limits: PipelineLimits & {
    /** Threads for compressed pixels. */
    decodeThreads: number;
    /** For one slice: DECODE_SECONDS. */
    decodeSeconds: number;
  };
}

/** A slice that takes longer to decode twice is corrupt. */
const DECODE_SECONDS = 20;

export const analysisLimits = ({ jobs }: Config): AnalystDeps['limits'] => ({
  maxVolumeBytes: jobs.maxVolumeMegabytes * 1e6,
  decodeThreads: allottedCores(),
  decodeSeconds: DECODE_SECONDS,
});

export function openAnalyst({ inference, log, limits }: AnalystDeps): Analyst {
  const closing = new AbortController();

  async function answer(question: Question, run: AnalysisRun | null): Promise<unknown> {
    if (run === null) throw new Error('a refusal asks nothing');
    switch (question.name) {
      case 'report':
        return run.report(question.asks.stage, question.asks.done);
      case 'classify':
        return inference.classify(question.asks.images, question.asks.n, run.signal);
      case 'context':
        return run.context(question.asks.warnings);
    }
  }

  /** Runs a task to its end; its thread is gone then, however it ended. */
  async function inThread(task: Task, run: AnalysisRun | null): Promise<FromThread> {
    const signal = AbortSignal.any([closing.signal, ...(run?.signal ? [run.signal] : [])]);
    if (signal.aborted) throw cancelled(signal);
    // Not inherited: options of the process, such as --inspect, are not for every thread.
    const worker = new Worker(THREAD, { workerData: task, execArgv: [], env: process.env });
    try {
      return await new Promise<FromThread>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(cancelled(signal)), { once: true });
        worker.on('error', (error) => reject(died(error.message, error)));
        worker.once('exit', (status) => reject(died(`ended with status ${status}`)));
        worker.on('message', (message: FromThread) => {
          if (message.kind === 'log') log[message.level](message.message, message.fields);
          else if (message.kind === 'question')
            answer(message, run).then(
              (value) => worker.postMessage({ id: message.id, value }),
              (thrown: unknown) => worker.postMessage({ id: message.id, error: plainError(thrown) }),
            );
          else if (message.kind === 'failed') reject(errorOf(message.error));
          else resolve(message);
        });
      });
    } finally {
      await worker.terminate();
    }
  }

  return {
    async analyse(material, run) {
      const { preprocessing, batchSize } = inference;
      const task = { ...material, kind: 'analyse', model: { preprocessing, batchSize }, limits } as const;
      const outcome = await inThread({ ...task, pictures: run.pictures ?? null }, run);
      if (outcome.kind !== 'analysed') throw died(`answered ${outcome.kind}`);
      return { ...outcome.analysed, objects: outcome.analysed.objects.map(withBuffer) };
    },
    async refuse(material, refusal, context) {
      const outcome = await inThread({ ...material, kind: 'refuse', refusal, context }, null);
      if (outcome.kind !== 'refused') throw died(`answered ${outcome.kind}`);
      return outcome.objects.map(withBuffer);
    },
    async close() {
      // No cancellation: the job is done again after the next start.
      closing.abort(died('was stopped with the service'));
    },
  };
}

/** Buffers arrive as plain arrays of bytes. */
const withBuffer = (object: EncodedObject): EncodedObject => ({
  ...object,
  bytes: Buffer.from(object.bytes.buffer, object.bytes.byteOffset, object.bytes.byteLength),
});

const died = (detail: string, cause?: unknown): RaunetError =>
  toRaunetError(new Error(`the analysis thread ${detail}`, { cause }));

import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Codec } from './code-stream';

/** One compressed frame. */
export interface DecodeJob {
  codec: Codec;
  encoded: Uint8Array;
  rows: number;
  columns: number;
  bitsAllocated: number;
  bitsStored: number;
  pixelRepresentation: number;
}

export interface DecodeWorkers {
  /**
   * Rejects with an Error that says what went wrong; its thread is gone then. A thread that died or took too long gets
   * a second chance: the machine may have been paused or short of memory. What happens twice is the stream's doing.
   */
  decode(job: DecodeJob): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** At most `threads` workers, each with one job at a time; jobs wait in order. */
export function openWorkers(threads: number, timeoutMs: number): DecodeWorkers {
  const idle: Worker[] = [];
  const alive = new Set<Worker>();
  const waiting: (() => void)[] = [];
  let busy = 0;
  let closed = false;

  function takeWorker(): Worker {
    const rested = idle.pop();
    if (rested !== undefined) return rested;
    // The libraries in there print; our own streams are for the log.
    const worker = new Worker(join(__dirname, 'worker.cjs'), { stdout: true, stderr: true });
    worker.stdout.resume();
    worker.stderr.resume();
    alive.add(worker);
    // An error ends the thread; whoever waits for it hears of the exit.
    worker.on('error', () => {});
    worker.once('exit', () => {
      alive.delete(worker);
      if (idle.includes(worker)) idle.splice(idle.indexOf(worker), 1);
    });
    return worker;
  }

  async function decode(job: DecodeJob): Promise<Uint8Array> {
    if (busy >= threads) await new Promise<void>((resolve) => waiting.push(resolve));
    else busy++;
    try {
      return await attempt(job).catch((thrown: unknown) => {
        if (thrown instanceof NoAnswer) return attempt(job);
        throw thrown;
      });
    } finally {
      const next = waiting.shift();
      if (next === undefined) busy--;
      else next();
    }
  }

  async function attempt(job: DecodeJob): Promise<Uint8Array> {
    if (closed) throw new Error('the decoder was closed');
    const worker = takeWorker();
    try {
      const decoded = await ask(worker, job, timeoutMs);
      if (!closed) idle.push(worker);
      return decoded;
    } catch (thrown) {
      // The thread and everything in it, also when it hangs.
      await worker.terminate();
      throw thrown;
    }
  }

  return {
    decode,
    async close() {
      closed = true;
      await Promise.all([...alive].map((worker) => worker.terminate()));
    },
  };
}

/** The thread died or hung; of the stream itself nothing was said. */
class NoAnswer extends Error {}

function ask(worker: Worker, job: DecodeJob, timeoutMs: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      clearTimeout(timer);
      worker.off('message', answered);
      worker.off('exit', ended);
    };
    const answered = (outcome: { decoded: Uint8Array } | { error: string }): void => {
      done();
      if ('decoded' in outcome) resolve(outcome.decoded);
      else reject(new Error(outcome.error));
    };
    const unanswered = (why: string): void => {
      done();
      reject(new NoAnswer(why));
    };
    const ended = (): void => unanswered('the decoder died');
    const timer = setTimeout(() => unanswered(`not decoded within ${timeoutMs / 1000} s`), timeoutMs);
    worker.once('message', answered);
    worker.once('exit', ended);
    // A copy that the worker may own: the file's bytes serve other frames, and a second attempt.
    const encoded = new Uint8Array(job.encoded);
    worker.postMessage({ ...job, encoded }, [encoded.buffer]);
  });
}

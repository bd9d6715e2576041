import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Codec } from './code-stream';

/** One compressed frame. `encoded` is handed over: it is empty here afterwards. */
export interface DecodeJob {
  codec: Codec;
  encoded: Uint8Array<ArrayBuffer>;
  rows: number;
  columns: number;
  bitsAllocated: number;
  bitsStored: number;
  pixelRepresentation: number;
}

export interface DecodeWorkers {
  /** Rejects with an Error that says what went wrong; its thread is gone then. */
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
    } finally {
      const next = waiting.shift();
      if (next === undefined) busy--;
      else next();
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

function ask(worker: Worker, job: DecodeJob, timeoutMs: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const settle = (outcome: { decoded: Uint8Array } | { error: string }): void => {
      clearTimeout(timer);
      worker.off('message', settle);
      worker.off('exit', ended);
      if ('decoded' in outcome) resolve(outcome.decoded);
      else reject(new Error(outcome.error));
    };
    const ended = (): void => settle({ error: 'the decoder died' });
    const timer = setTimeout(() => settle({ error: `not decoded within ${timeoutMs / 1000} s` }), timeoutMs);
    worker.once('message', settle);
    worker.once('exit', ended);
    worker.postMessage(job, [job.encoded.buffer]);
  });
}

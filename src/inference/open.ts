import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/schema';
import { cancelled, RaunetError, toRaunetError } from '../lib/errors';
import type { Log } from '../lib/log';
import { chooseProvider, type OpenChild } from './choose-provider';
import { loadModel, refused } from './contract';
import { allottedCores } from './cores';
import type { Inference, InferenceMode } from './types';

const LONGEST_PAUSE_MS = 60_000;

export interface OpenDeps {
  config: Config['inference'];
  log: Log;
  /** Folder that config.contract is relative to. */
  root: string;
  /** Before the restart after a first failure; doubled with each further one. */
  restartPauseMs?: number;
}

/**
 * Checks the model against its contract, opens it on the first provider that works, and keeps that process alive:
 * whatever goes wrong in it ends it, and a fresh one follows with a growing pause.
 *
 * Throws RAUNET_MODEL or RAUNET_PROVIDER: then the service must not start.
 */
export async function openInference({
  config,
  log,
  root,
  restartPauseMs = 1000,
}: OpenDeps): Promise<Inference> {
  const model = await loadModel(resolve(root, config.contract), config.model);
  const closing = new AbortController();
  /** The child reads the file itself, and whoever replaces it while we run must not get other results under the old name. */
  const sameModel = async (): Promise<void> => {
    const { identity } = await loadModel(resolve(root, config.contract), config.model);
    if (identity.sha256 !== model.identity.sha256)
      throw refused(`${model.file} was replaced by another model; start the service again to use that`);
  };
  const choose = () =>
    chooseProvider({
      model,
      providers: config.providers,
      threads: config.threads || allottedCores(),
      log,
      signal: closing.signal,
    });

  let latest = await choose();
  let opening: Promise<OpenChild> = Promise.resolve(latest);
  let mode: InferenceMode = 'ready';
  /** In a row, since the last batch that was answered. */
  let failures = 0;
  let restarts = 0;
  let lastFailure: string | null = null;
  let busy = false;
  /** One batch at a time: the child has one thread for them. */
  let queue: Promise<unknown> = Promise.resolve();

  const serve = (opened: OpenChild) => {
    latest = opened;
    mode = 'ready';
    log.info('inference ready', {
      stage: 'inference',
      provider: opened.provider,
      model: model.identity.name,
      version: model.identity.version,
      millisecondsPerSlice: Math.round(opened.millisecondsPerSlice),
    });
    // It may also end between batches, e.g. when the system runs out of memory.
    void opened.child.ended.then((how) => {
      if (opened === latest && mode === 'ready' && !busy) restart(how);
    });
  };

  const restart = (why: string, pauseMs = pauseAfter(++failures)) => {
    mode = 'restarting';
    restarts++;
    lastFailure = why;
    log.warn('inference process restarts', { stage: 'inference', reason: why, pauseMs });
    opening = sleep(pauseMs, undefined, { signal: closing.signal }).then(sameModel).then(choose);
    opening.then(serve).catch((error: unknown) => {
      if (mode !== 'closed') restart(toRaunetError(error).message);
    });
  };
  const pauseAfter = (failed: number) => Math.min(LONGEST_PAUSE_MS, restartPauseMs * 2 ** (failed - 1));

  const answer = async (images: Float32Array, n: number, signal?: AbortSignal): Promise<Uint8Array> => {
    const { child } = await aborting(opening, signal).catch((error: unknown) => {
      // Trying again helps against all but the wrong model.
      const lasting = toRaunetError(error).code === 'RAUNET_MODEL';
      throw signal?.aborted || lasting ? error : failed('no process could be started', error);
    });
    busy = true;
    try {
      const answer = await child.ask(
        { kind: 'run', images, n },
        { timeoutMs: config.timeoutSeconds * 1000, signal },
      );
      if (answer.kind !== 'classes')
        throw failed(answer.kind === 'failed' ? answer.message : 'unexpected answer');
      failures = 0;
      return answer.classes;
    } catch (thrown) {
      const error = toRaunetError(thrown, { stage: 'inference' });
      // A process that failed once is not trusted with the next patient; after a mere cancel there is nothing to wait for.
      if (mode === 'ready') signal?.aborted ? restart(error.message, 0) : restart(error.message);
      await child.kill();
      throw error;
    } finally {
      busy = false;
    }
  };

  serve(latest);
  return {
    model: model.identity,
    preprocessing: model.preprocessing,
    get provider() {
      return latest.provider;
    },
    get batchSize() {
      return latest.provider === 'cpu' ? 1 : config.gpuBatch;
    },
    get findings() {
      return latest.findings;
    },
    state: () => ({
      mode,
      provider: latest.provider,
      pid: mode === 'ready' ? latest.child.pid : null,
      findings: latest.findings,
      restarts,
      lastFailure,
    }),
    classify: (images, n, signal) => {
      const turn = queue.then(() => {
        if (mode === 'closed') throw failed('the service is stopping');
        if (signal?.aborted) throw cancelled(signal, { stage: 'inference' });
        return answer(images, n, signal);
      });
      queue = turn.catch(() => {});
      return turn;
    },
    close: async () => {
      mode = 'closed';
      closing.abort();
      await (busy ? latest.child.kill() : latest.child.close());
      // An attempt under way kills its own process when it is aborted.
      await opening.then(({ child }) => child.close()).catch(() => {});
    },
  };
}

const failed = (detail: string, cause?: unknown): RaunetError =>
  new RaunetError('RAUNET_INFERENCE', { stage: 'inference', detail }, { cause });

/** The promise, or the cancellation if that comes first. */
function aborting<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolvePromise, reject) => {
    const onAbort = () => reject(cancelled(signal, { stage: 'inference' }));
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolvePromise, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

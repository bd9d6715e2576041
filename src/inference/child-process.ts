import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { cancelled, RaunetError } from '../lib/errors';
import type { Log } from '../lib/log';
import type { Answer, Request } from './protocol';

/** child.js beside this file; child.ts where TypeScript runs without a build (the tests' require hook does it). */
const CHILD = join(__dirname, `child${extname(__filename)}`);
const STAGE = { stage: 'inference' } as const;
const CLOSE_MS = 2000;
const LAST_WORDS = 3;

/** A running inference process. */
export interface Child {
  pid: number;
  /** Resolves, when it is gone, to how it ended: "ended by SIGSEGV". */
  ended: Promise<string>;
  /**
   * One question at a time. No answer in time, or an abort, kills the process.
   * Throws RAUNET_INFERENCE, RAUNET_INFERENCE_TIMEOUT, or what the signal says.
   */
  ask(request: Request, limits: { timeoutMs: number; signal?: AbortSignal | undefined }): Promise<Answer>;
  kill(): Promise<void>;
  /** Lets it end by itself, then kills it. */
  close(): Promise<void>;
}

export function startChild(log: Log): Child {
  const child = fork(CHILD, {
    serialization: 'advanced',
    execArgv: [],
    env: withoutSecrets(process.env),
    silent: true,
  });
  const lastWords: string[] = [];
  const listen = (stream: NodeJS.ReadableStream) =>
    createInterface({ input: stream }).on('line', (line) => {
      const text = withoutColour(line).trim();
      if (text === '') return;
      log.debug('inference process', { stage: 'inference', text });
      lastWords.push(text.slice(0, 300));
      if (lastWords.length > LAST_WORDS) lastWords.shift();
    });
  listen(child.stdout!);
  listen(child.stderr!);

  const streamsClosed = Promise.all([once(child.stdout!, 'close'), once(child.stderr!, 'close')]);
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(`could not be started: ${error.message}`));
    // Not the event `close`: it does not come after `disconnect` (Node 20, serialization advanced).
    child.on('exit', (code, signal) => {
      const how = `ended ${signal === null ? `with status ${code}` : `by ${signal}`}`;
      void streamsClosed.then(() =>
        resolve(lastWords.length === 0 ? how : `${how}, last words: ${lastWords.join(' | ')}`),
      );
    });
  });
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  return {
    pid: child.pid ?? 0,
    ended,
    kill,
    ask: (request, { timeoutMs, signal }) => ask(child, ended, kill, request, timeoutMs, signal),
    close: async () => {
      if (child.connected) child.disconnect();
      const timer = setTimeout(() => void kill(), CLOSE_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}

function ask(
  child: ChildProcess,
  ended: Promise<string>,
  kill: () => Promise<void>,
  request: Request,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let settled = false;
    const settle = (act: () => void) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      child.off('message', onMessage);
      signal?.removeEventListener('abort', onAbort);
      act();
    };
    const killFor = (error: Error) => settle(() => void kill().then(() => reject(error)));
    const onMessage = (answer: Answer) => settle(() => resolve(answer));
    const onAbort = () => killFor(cancelled(signal!, STAGE));
    const timer = setTimeout(
      () => killFor(failure('RAUNET_INFERENCE_TIMEOUT', `no answer within ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    if (signal?.aborted) return onAbort();
    signal?.addEventListener('abort', onAbort);
    child.on('message', onMessage);
    void ended.then((how) => settle(() => reject(failure('RAUNET_INFERENCE', how))));
    child.send(request, (error) => {
      if (error) settle(() => void ended.then((how) => reject(failure('RAUNET_INFERENCE', how, error))));
    });
  });
}

const failure = (code: 'RAUNET_INFERENCE' | 'RAUNET_INFERENCE_TIMEOUT', detail: string, cause?: unknown) =>
  new RaunetError(code, { stage: 'inference', detail }, { cause });

const withoutColour = (text: string): string => text.replace(/\u001b\[[0-9;]*m/g, '');

/** Whatever the native library does with its environment, the database's password is not in it. */
function withoutSecrets(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { DATABASE_URL: _, RAUNET_DATABASE_URL: __, ...rest } = environment;
  return rest;
}

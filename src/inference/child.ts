import { Worker } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Answer, Request } from './protocol';

/*
 * The process that alone loads onnxruntime-node: `session.run` blocks its thread, and native code may hang or crash.
 * It is told what to do over IPC (protocol.ts), ends with its parent, and is otherwise only ever killed.
 */

/** After a warm-up; the fastest counts, since other work disturbs. */
const TIMED_RUNS = 3;

type Open = Extract<Request, { kind: 'open' }>;

let open: { session: InferenceSession; asked: Open } | null = null;

process.on('message', (request: Request) => {
  handle(request)
    .catch((error: unknown): Answer => ({ kind: 'failed', fault: 'run', message: messageOf(error) }))
    .then((answer) => process.send?.(answer))
    .catch(() => process.exit(1));
});
process.on('disconnect', () => process.exit(0));
// Ctrl-C and systemd signal the whole group; the parent finishes its jobs first and then ends this process.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
endWithParent();

async function handle(request: Request): Promise<Answer> {
  if (request.kind === 'run') return { kind: 'classes', classes: await classify(request.images, request.n) };
  const session = await InferenceSession.create(request.modelFile, sessionOptions(request));
  const mismatch = shapeMismatch(session, request);
  if (mismatch !== null) return { kind: 'failed', fault: 'model', message: mismatch };
  open = { session, asked: request };
  let mask = await classify(request.warmUp, 1);
  let millisecondsPerSlice = Infinity;
  for (let run = 0; run < TIMED_RUNS; run++) {
    const started = performance.now();
    mask = await classify(request.warmUp, 1);
    millisecondsPerSlice = Math.min(millisecondsPerSlice, performance.now() - started);
  }
  return { kind: 'opened', mask, millisecondsPerSlice };
}

async function classify(images: Float32Array, n: number): Promise<Uint8Array> {
  if (open === null) throw new Error('no model is open');
  const { inputName, maskName, size } = open.asked;
  const image = new Tensor('float32', images, [n, 1, size, size]);
  // Only the class map is fetched: the probabilities are sixteen times its bytes.
  const { [maskName]: mask } = await open.session.run({ [inputName]: image }, [maskName]);
  const classes = mask!.data as Uint8Array;
  if (classes.length !== n * size * size) throw new Error(`the model answered ${mask!.dims.join('x')}`);
  return classes;
}

function sessionOptions({ provider, threads }: Open): InferenceSession.SessionOptions {
  return {
    executionProviders: [provider],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    enableCpuMemArena: true,
    logSeverityLevel: 3,
    // Idle threads sleep: the listener and PostgreSQL share the cores.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  };
}

/** Why the file does not hold what the contract says; null where it does. */
function shapeMismatch(session: InferenceSession, { inputName, maskName, size }: Open): string | null {
  const found = (metadata: readonly InferenceSession.ValueMetadata[], name: string): string => {
    const value = metadata.find((candidate) => candidate.name === name);
    if (value === undefined) return 'none';
    return value.isTensor ? `${value.type} [${value.shape.slice(1).join(',')}]` : 'no tensor';
  };
  const expected = [
    ['input', inputName, found(session.inputMetadata, inputName), `float32 [1,${size},${size}]`],
    ['output', maskName, found(session.outputMetadata, maskName), `uint8 [${size},${size}]`],
  ];
  const wrong = expected.filter(([, , is, shouldBe]) => is !== shouldBe);
  if (wrong.length === 0) return null;
  return wrong.map(([what, name, is, shouldBe]) => `${what} ${name} is ${is}, not ${shouldBe}`).join('; ');
}

/** `disconnect` is not seen while native code holds this thread; a thread of its own sees the parent go. */
function endWithParent(): void {
  const watch = `const { workerData } = require('node:worker_threads');
    setInterval(() => { if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL'); }, 1000);`;
  new Worker(watch, { eval: true, workerData: process.ppid, execArgv: [], env: {} }).unref();
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

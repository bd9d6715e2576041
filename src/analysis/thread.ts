// The thread of one analysis: the stages of pipeline.ts, away from the event loop that answers associations. It ends
// with the analysis, and all its memory with it.
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import type { Inference } from '../inference/types';
import type { Log, LogLevel } from '../lib/log';
import { analyse, encode, readHeaders } from '../pipeline';
import { contactSheet } from '../result/picture/contact-sheet';
import { buildRefusalResults } from '../result/results';
import type { EncodedObject } from '../result/types';
import { openDecoder } from '../volume/decoder';
import {
  type Analysed,
  errorOf,
  type FromThread,
  plainError,
  type Questions,
  type Task,
  type ToThread,
} from './protocol';

/** Nice value. */
const BEHIND_THE_EVENT_LOOP = 5;
// A thread has a priority of its own on Linux; elsewhere it would be that of the process.
if (process.platform === 'linux') setPriority(BEHIND_THE_EVENT_LOOP);

const port = parentPort!;
const say = (message: FromThread, handedOver: readonly ArrayBuffer[] = []): void =>
  port.postMessage(message, [...handedOver]);

let asked = 0;
const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
port.on('message', (answer: ToThread) => {
  const { resolve, reject } = waiting.get(answer.id)!;
  waiting.delete(answer.id);
  if ('error' in answer) reject(errorOf(answer.error));
  else resolve(answer.value as never);
});

function ask<Name extends keyof Questions>(
  name: Name,
  asks: Questions[Name]['asks'],
  handedOver: readonly ArrayBuffer[] = [],
): Promise<Questions[Name]['gets']> {
  return new Promise((resolve, reject) => {
    const id = ++asked;
    waiting.set(id, { resolve, reject });
    say({ kind: 'question', id, name, asks } as FromThread, handedOver);
  });
}

const line =
  (level: LogLevel): Log['info'] =>
  (message, { error, ...fields } = {}) =>
    say({ kind: 'log', level, message, fields: { ...fields, ...(error ? { reason: String(error) } : {}) } });
const log: Log = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };

async function run(task: Task): Promise<void> {
  const headers = await readHeaders(task.files, task.sender);
  if (task.kind === 'refuse') {
    const objects = buildRefusalResults({ ...headers, ...task.refusal }, task.context);
    return say({ kind: 'refused', objects }, objects.map(ownBuffer));
  }
  const { model, limits } = task;
  const inference: Pick<Inference, 'preprocessing' | 'batchSize' | 'classify'> = {
    ...model,
    classify: (images, n) => ask('classify', { images, n }, [images.buffer as ArrayBuffer]),
  };
  const report: Parameters<typeof analyse>[2]['report'] = (stage, done) => ask('report', { stage, done });
  const decoder = openDecoder({
    threads: limits.decodeThreads,
    timeoutSeconds: limits.decodeSeconds,
    maxFileBytes: limits.maxVolumeBytes,
  });
  try {
    const analysis = await analyse(headers, { decoder, inference, log, limits }, { report });
    const { measurements, warnings, mask, volume } = analysis;
    const context = await ask('context', { warnings });
    const objects = await encode(analysis, context, { report });
    const { rows, columns } = volume;
    const pictures: Analysed['pictures'] =
      task.pictures === null
        ? null
        : {
            overview: contactSheet(volume, mask, context.codes, task.pictures),
            mask: [...mask],
            rows,
            columns,
          };
    say({ kind: 'analysed', analysed: { measurements, warnings, objects, pictures } }, [
      ...objects.map(ownBuffer),
      ...(pictures?.mask.map(({ buffer }) => buffer as ArrayBuffer) ?? []),
    ]);
  } finally {
    await decoder.close();
  }
}

/** Small buffers of Node share one: only a buffer of its own may be handed over. */
function ownBuffer(object: EncodedObject): ArrayBuffer {
  if (object.bytes.byteLength !== object.bytes.buffer.byteLength)
    object.bytes = Buffer.from(new Uint8Array(object.bytes).buffer);
  return object.bytes.buffer as ArrayBuffer;
}

void run(workerData as Task)
  .catch((thrown: unknown) => say({ kind: 'failed', error: plainError(thrown) }))
  .finally(() => port.close());

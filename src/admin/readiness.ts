import type { Clock } from '../lib/clock';
import { toRaunetError } from '../lib/errors';
import type { InferenceState, ModelIdentity } from '../inference/types';
import type { DiskState } from '../maintenance/disk-watermark';
import type { EchoResult } from '../maintenance/echo-monitor';
import type { Part } from './types';

export interface ReadinessDeps {
  clock: Clock;
  /** Resolves to the server version. */
  pingDatabase(): Promise<string>;
  disk(): DiskState;
  minFreeBytes: number;
  /** Where the DICOM listener is open; null when it is not. */
  listener(): { address: string; associations: number; maxAssociations: number } | null;
  model: ModelIdentity;
  inference(): InferenceState;
  /** Names as configured; those in `echoes` were asked. */
  destinations: readonly string[];
  echoes(): ReadonlyMap<string, EchoResult>;
}

/** Every part of the service, with the reason for its state. Never throws. */
export async function readinessOf(deps: ReadinessDeps): Promise<Part[]> {
  return [
    await database(deps),
    spool(deps),
    listener(deps),
    model(deps),
    ...deps.destinations.map((name) => destination(name, deps)),
  ];
}

/** Longer, and whoever asks has given up. */
const PING_MS = 3000;

async function database({ pingDatabase }: ReadinessDeps): Promise<Part> {
  const name = 'database';
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${PING_MS / 1000} s`)), PING_MS);
  });
  try {
    const started = performance.now();
    const version = await Promise.race([pingDatabase(), late]);
    const milliseconds = Math.ceil(performance.now() - started);
    return { name, ok: true, required: true, reason: `PostgreSQL ${version} answers in ${milliseconds} ms.` };
  } catch (thrown) {
    return { name, ok: false, required: true, reason: toRaunetError(thrown).message };
  } finally {
    clearTimeout(timer);
  }
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

function spool({ disk, minFreeBytes }: ReadinessDeps): Part {
  const { low, freeBytes } = disk();
  const limit = gigabytes(minFreeBytes);
  if (Number.isNaN(freeBytes))
    return { name: 'spool', ok: true, required: true, reason: 'Not measured yet.' };
  return {
    name: 'spool',
    ok: !low,
    required: true,
    reason: low
      ? `${gigabytes(freeBytes)} free, less than ${limit}: new associations are rejected. Free some space.`
      : `${gigabytes(freeBytes)} free; below ${limit} new associations are rejected.`,
  };
}

function listener({ listener }: ReadinessDeps): Part {
  const open = listener();
  const reason = open
    ? `Listens on ${open.address}, ${open.associations} of ${open.maxAssociations} associations open.`
    : 'The DICOM listener is closed: the service starts or stops.';
  return { name: 'listener', ok: open !== null, required: true, reason };
}

function model({ inference, model }: ReadinessDeps): Part {
  const { mode, provider, findings, lastFailure } = inference();
  const others = findings.map(({ provider, reason }) => `${provider}: ${reason}`).join(' ');
  const ready = mode === 'ready';
  return {
    name: 'model',
    ok: ready,
    required: true,
    reason: ready
      ? `${model.name} ${model.version} on ${provider}. ${others}`
      : `The inference process is ${mode}${lastFailure ? ` (${lastFailure})` : ''}.`,
  };
}

function destination(name: string, { echoes, clock }: ReadinessDeps): Part {
  const part = { name: `destination ${name}`, required: false };
  const echo = echoes().get(name);
  if (echo === undefined) return { ...part, ok: true, reason: 'Not asked yet.' };
  const ago = `${Math.round((clock.now().getTime() - echo.at.getTime()) / 1000)} s ago`;
  const since = `since ${echo.since.toISOString()}`;
  return echo.ok
    ? { ...part, ok: true, reason: `Answered C-ECHO ${ago}, ${since}.` }
    : { ...part, ok: false, reason: `${echo.error?.message ?? 'No answer.'} Asked ${ago}, so ${since}.` };
}

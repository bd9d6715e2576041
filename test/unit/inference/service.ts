import { join } from 'node:path';
import { configSchema } from '../../../src/config/schema';
import { type OpenDeps, openInference } from '../../../src/inference/open';
import type { Inference } from '../../../src/inference/types';
import { silentLog } from '../../../src/lib/log';

/** Tiny models, made by generate.py there: the class of v is min(floor(4 v), 3); 2 hangs, 3 asks for 64 TiB. */
export const CONTRACT = join(__dirname, '../../fixtures/models/contract.json');
export const SIZE = 16;
export const HANG = 2;
export const BURST = 3;

// The child is src/inference/child.ts here.
process.env['NODE_OPTIONS'] = `--require ${join(__dirname, '../../fixtures/typescript-hook.cjs')}`;

const opened: Inference[] = [];

/** An inference service on the CPU that is closed after the test. */
export async function open(
  config: Partial<OpenDeps['config']> = {},
  deps: Partial<Omit<OpenDeps, 'config'>> = {},
): Promise<Inference> {
  const inference = await openInference({
    config: configSchema.parse({
      inference: { contract: CONTRACT, providers: ['cpu'], threads: 1, ...config },
    }).inference,
    log: silentLog,
    root: '/',
    restartPauseMs: 20,
    ...deps,
  });
  opened.push(inference);
  return inference;
}

export const closeAll = () => Promise.all(opened.splice(0).map((inference) => inference.close()));

/** n slices of one value. */
export const images = (value: number, n = 1): Float32Array => new Float32Array(n * SIZE * SIZE).fill(value);

export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

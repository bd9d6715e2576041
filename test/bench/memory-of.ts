import { readFile } from 'node:fs/promises';
import { descendants } from '../fixtures/service';

/** Resident bytes of one process: proc(5), VmRSS. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
}

/** Bytes of a process and all below it; what several share (code, PostgreSQL's buffers) counts once: proc(5), Pss. */
export async function familyBytes(pid: number): Promise<number> {
  const sizes = [pid, ...(await descendants(pid))].map(async (each) => {
    // One that ended meanwhile has none.
    const rollup = await readFile(`/proc/${each}/smaps_rollup`, 'utf8').catch(() => '');
    return 1024 * Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
  });
  return (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0);
}

/** A look takes 30 ms of a core for the twenty processes of the service: more often, and it slows what it looks at. */
const LOOK_MS = 1000;

/** The most that `familyBytes` shows while `work` runs. */
export async function withPeak<T>(
  pid: number,
  work: () => Promise<T>,
): Promise<{ result: T; peakBytes: number }> {
  let peakBytes = 0;
  let looking = Promise.resolve();
  const look = async () => {
    peakBytes = Math.max(peakBytes, await familyBytes(pid));
  };
  const timer = setInterval(() => {
    looking = looking.then(look);
  }, LOOK_MS);
  try {
    const result = await work();
    await look();
    return { result, peakBytes };
  } finally {
    clearInterval(timer);
    await looking;
  }
}

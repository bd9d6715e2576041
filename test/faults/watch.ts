import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What the kernel says of a process: resident memory, 10^6 bytes, and open descriptors. */
export async function footprint(pid: number): Promise<{ megabytes: number; descriptors: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return {
    megabytes: (Number(/VmRSS:\s+(\d+)/.exec(status)![1]) * 1024) / 1e6,
    descriptors: (await readdir(`/proc/${pid}/fd`)).length,
  };
}

/** Highest resident memory so far, 10^6 bytes. */
export async function peakMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return (Number(/VmHWM:\s+(\d+)/.exec(status)![1]) * 1024) / 1e6;
}

/** A value of /metrics. */
export async function metric(adminPort: number, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1];
  if (value === undefined) throw new Error(`/metrics has no ${name}`);
  return Number(value);
}

/** An idle process beside the service: the machine itself may stall, and this one with it. */
export function loopControl(): { longestDelay(): Promise<number>; stop(): void } {
  const child = fork(join(__dirname, 'loop-control.cjs'));
  return {
    async longestDelay() {
      child.send('how long?');
      const [seconds] = (await once(child, 'message')) as [number];
      return seconds;
    },
    stop: () => child.disconnect(),
  };
}

/** Least squares: by how much y grows from one value to the next. */
export function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let above = 0;
  let below = 0;
  for (const [i, value] of values.entries()) {
    above += (i - middle) * (value - mean);
    below += (i - middle) ** 2;
  }
  return above / below;
}

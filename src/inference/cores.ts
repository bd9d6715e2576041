import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Cores that this process may use: the machine's, or fewer where a container's quota says so (cgroup v2 cpu.max). */
export function allottedCores(cpuMaxFile = '/sys/fs/cgroup/cpu.max'): number {
  const cores = availableParallelism();
  let cpuMax: string;
  try {
    cpuMax = readFileSync(cpuMaxFile, 'utf8');
  } catch {
    return cores; // not Linux, or no cgroup v2
  }
  // "quota period" in microseconds, or "max period"
  const [quota, period] = cpuMax.split(' ').map(Number);
  if (!quota || !period) return cores;
  return Math.max(1, Math.min(cores, Math.ceil(quota / period)));
}

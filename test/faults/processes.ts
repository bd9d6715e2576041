import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface Process {
  pid: number;
  parent: number;
  command: string;
}

/** Every process that can be looked at. Linux. */
async function processes(): Promise<Process[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const all = await Promise.all(
    pids.map(async (pid) => {
      const read = (name: string) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '');
      // proc(5): the name stands in brackets and may hold anything; state and parent follow.
      const [, state, parent] = /\) (\S) (\d+) /.exec(await read('stat')) ?? [];
      const command = (await read('cmdline')).replaceAll('\0', ' ').trim();
      return parent === undefined || state === 'Z'
        ? []
        : [{ pid: Number(pid), parent: Number(parent), command }];
    }),
  );
  return all.flat();
}

export interface Family {
  service: number[];
  'inference child': number[];
  postmaster: number[];
  'database process': number[];
}

/** The processes of a service with its embedded PostgreSQL, whoever is their parent by now. */
export async function familyOf(service: number, dataDir: string): Promise<Family> {
  const all = await processes();
  const cluster = join(dataDir, 'postgres', 'cluster');
  const postmaster = all.filter(
    ({ command }) => command.includes('/postgres -D') && command.includes(cluster),
  );
  const isServer = new Set(postmaster.map(({ pid }) => pid));
  const pids = (holds: (process: Process) => boolean) => all.filter(holds).map(({ pid }) => pid);
  return {
    service: pids(({ pid }) => pid === service),
    'inference child': pids(
      ({ parent, command }) => parent === service && command.includes('inference/child'),
    ),
    // initdb starts a server too, as its child.
    postmaster: [...isServer],
    'database process': pids(({ parent }) => isServer.has(parent)),
  };
}

/** Sends SIGKILL. Returns how many were there to get it. */
export function kill(pids: readonly number[]): number {
  return pids.filter((pid) => {
    try {
      return process.kill(pid, 'SIGKILL');
    } catch {
      return false;
    }
  }).length;
}

/** Command lines of what a service with this mark in its environment, or with this data folder, has left running. */
export async function leftRunning(mark: string, dataDir: string): Promise<string[]> {
  const left: string[] = [];
  for (const { pid, command } of await processes()) {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    const ours =
      command.includes(dataDir) || (environment.includes(mark) && /main\.js|child\.js/.test(command));
    if (ours) left.push(`${pid} ${command}`);
  }
  return left;
}

/** Unix sockets in the system below a folder. */
export async function socketsBelow(folder: string): Promise<string[]> {
  const lines = (await readFile('/proc/net/unix', 'utf8')).split('\n');
  return lines.filter((line) => line.includes(folder));
}

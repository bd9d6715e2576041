import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A system call of a process; `begun` and `ended` are places in the order in which strace saw them. */
interface Call {
  text: string;
  begun: number;
  ended: number;
}

/** Watches what a running process syncs, names and answers. The end of the watch resolves to its calls. */
export async function traceSyncs(pid: number, to: string): Promise<() => Promise<Call[]>> {
  const calls = 'trace=fsync,fdatasync,link,linkat,rename,write,writev,sendto';
  const strace = spawn('strace', ['-f', '-yy', '-s', '8', '-e', calls, '-o', to, '-p', String(pid)]);
  const attached = new Promise<void>((done, fail) => {
    strace.once('error', fail);
    strace.stderr.on('data', (text: Buffer) => {
      if (/attached/.test(text.toString())) done();
      else if (/Operation not permitted|No such process/.test(text.toString()))
        fail(new Error(text.toString()));
    });
  });
  await attached;
  return async () => {
    const exit = new Promise((done) => strace.once('exit', done));
    strace.kill('SIGINT');
    await exit;
    return parsed(await readFile(to, 'utf8'));
  };
}

function parsed(trace: string): Call[] {
  const calls: Call[] = [];
  const unfinished = new Map<string, { text: string; begun: number }>();
  for (const [at, line] of trace.split('\n').entries()) {
    const [, pid, text] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (pid === undefined || text === undefined) continue;
    const rest = /^<\.\.\. \w+ resumed>(.*)$/.exec(text)?.[1];
    const open = unfinished.get(pid);
    if (text.endsWith('<unfinished ...>')) unfinished.set(pid, { text: text.slice(0, -16), begun: at });
    else if (rest === undefined) calls.push({ text, begun: at, ended: at });
    else if (open) {
      calls.push({ text: open.text + rest, begun: open.begun, ended: at });
      unfinished.delete(pid);
    }
  }
  return calls;
}

/**
 * For each instance that got its name in the spool: what does not stand in the order file synced, name made, folder
 * synced, C-STORE answered. Of one sender that waits for each answer.
 */
export function wrongOrder(
  calls: readonly Call[],
  dicomPort: number,
): { instances: number; wrong: string[] } {
  const wrong: string[] = [];
  const named = calls.filter(({ text }) => /^link(at)?\(.*\.part", .*\.dcm".* = 0$/.test(text));
  const syncs = calls.filter(({ text }) => /^f(data)?sync\(.* = 0$/.test(text));
  for (const name of named) {
    const [part, file] = [...name.text.matchAll(/"([^"]+)"/g)].map(([, path]) => path!);
    // P-DATA-TF is PDU type 4 (PS3.8 9.3.5).
    const answer = calls.find(
      ({ text, begun }) => begun > name.ended && text.includes(`:${dicomPort}->`) && text.includes('"\\4\\0'),
    );
    const isSynced = (path: string, after: number, before: number): boolean =>
      syncs.some(({ text, begun, ended }) => text.includes(`<${path}>`) && begun > after && ended < before);
    if (!isSynced(part!, -1, name.begun)) wrong.push(`${file}: named before its bytes were synced`);
    if (answer === undefined) wrong.push(`${file}: no answer seen`);
    else if (!isSynced(dirname(file!), name.ended, answer.begun))
      wrong.push(`${file}: answered before its folder was synced`);
  }
  return { instances: named.length, wrong };
}

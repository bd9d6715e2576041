import { setTimeout as sleep } from 'node:timers/promises';
import { dcmtk } from '../fixtures/dcmtk';
import type { Random } from './frame';
import type { Phantom } from './phantoms';

/** A sender as a modality is one: what got no Success is sent again, what got one is sent again now and then too. */
export interface Sender {
  /** Files that were answered with Success, by DCMTK's log, each with how often. */
  acknowledged: ReadonlyMap<string, number>;
  associations: number;
  /** Sends a series until each of its files was answered with Success. */
  deliver(phantom: Phantom): Promise<void>;
  /** Ends `deliver` after the association under way. */
  stop(): void;
  stopped(): boolean;
  /** One association, whatever becomes of it. */
  attempt(paths: readonly string[]): Promise<string[]>;
}

/** `repeats`: how often, 0..1, it sends what got its Success again together with what did not. */
export function openSender(
  callingAe: string,
  port: () => number,
  chance: Random,
  { repeats = 0.3, host = '127.0.0.1' } = {},
): Sender {
  const acknowledged = new Map<string, number>();
  let stopped = false;
  const sender: Sender = {
    stop: () => {
      stopped = true;
    },
    stopped: () => stopped,
    acknowledged,
    associations: 0,

    async attempt(paths) {
      sender.associations += 1;
      const options = [
        '-v',
        '-R',
        '-nh',
        '-to',
        '10',
        '-ta',
        '30',
        '-td',
        '60',
        '-aet',
        callingAe,
        '-aec',
        'RAUNET',
      ];
      const { output } = await dcmtk('storescu', ...options, host, String(port()), ...paths);
      const stored = storedBy(output);
      for (const path of stored) acknowledged.set(path, (acknowledged.get(path) ?? 0) + 1);
      return stored;
    },

    async deliver({ files }) {
      const all = files.map(({ path }) => path);
      for (let missing = all; missing.length > 0 && !stopped; ) {
        // Some senders send only what is missing, others everything.
        const stored = new Set(await sender.attempt(chance.next() < repeats ? all : missing));
        missing = missing.filter((path) => !stored.has(path));
        if (missing.length > 0) await sleep(200);
      }
    },
  };
  return sender;
}

/** storescu -v names each file before its answer. */
function storedBy(output: string): string[] {
  let file: string | null = null;
  const stored: string[] = [];
  for (const line of output.split('\n')) {
    file = /Sending file: (.+)$/.exec(line)?.[1] ?? file;
    if (!line.includes('Received Store Response')) continue;
    if (file !== null && line.includes('(Success)')) stored.push(file);
    file = null;
  }
  return stored;
}

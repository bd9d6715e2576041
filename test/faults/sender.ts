import { setTimeout as sleep } from 'node:timers/promises';
import { dcmtk } from '../fixtures/dcmtk';
import type { Random } from './frame';
import type { Phantom } from './phantoms';

/** A sender as a modality is one: what got no Success is sent again, what got one is sent again now and then too. */
export interface Sender {
  /** Files that were answered with Success, by DCMTK's log, each with how often. */
  acknowledged: ReadonlyMap<string, number>;
  /** Every C-STORE response, in DCMTK's words, each with how often. */
  answers: ReadonlyMap<string, number>;
  associations: number;
  /** Sends a series until each of its files was answered with Success. */
  deliver(phantom: Phantom): Promise<void>;
  /** Ends `deliver` after the association under way. */
  stop(): void;
  stopped(): boolean;
  /** One association, whatever becomes of it. */
  attempt(paths: readonly string[]): Promise<string[]>;
}

/** Of PS3.4 Table B.2-1, 0000 and A700, in DCMTK's words. */
export const SUCCESS = 'Success';
export const OUT_OF_RESOURCES = 'Refused: OutOfResources';

/** `repeats`: how often, 0..1, it sends what got its Success again together with what did not. */
export function openSender(
  callingAe: string,
  port: () => number,
  chance: Random,
  { repeats = 0.3, host = '127.0.0.1' } = {},
): Sender {
  const acknowledged = new Map<string, number>();
  const answers = new Map<string, number>();
  let stopped = false;
  const sender: Sender = {
    stop: () => {
      stopped = true;
    },
    stopped: () => stopped,
    acknowledged,
    answers,
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
      const stored: string[] = [];
      for (const { path, answer } of answersIn(output)) {
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
        if (answer !== SUCCESS) continue;
        acknowledged.set(path, (acknowledged.get(path) ?? 0) + 1);
        stored.push(path);
      }
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
function answersIn(output: string): { path: string; answer: string }[] {
  let path: string | null = null;
  const found: { path: string; answer: string }[] = [];
  for (const line of output.split('\n')) {
    path = /Sending file: (.+)$/.exec(line)?.[1] ?? path;
    const answer = /Received Store Response \((.*)\)/.exec(line)?.[1];
    if (answer === undefined) continue;
    if (path !== null) found.push({ path, answer });
    path = null;
  }
  return found;
}

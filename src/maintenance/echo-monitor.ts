import type { Clock } from '../lib/clock';
import { type RaunetError, toRaunetError } from '../lib/errors';
import type { Log } from '../lib/log';

export interface EchoResult {
  ok: boolean;
  /** Why not; null where ok. */
  error: RaunetError | null;
  /** When it was last asked. */
  at: Date;
  /** Since when it answers, or does not. */
  since: Date;
}

export interface EchoMonitor {
  /** Asks every destination at once. */
  run(): Promise<void>;
  /** By destination, as of the last run; a destination that was not asked yet is not in it. */
  results(): ReadonlyMap<string, EchoResult>;
}

/** C-ECHO to every destination; a change is logged, a state that lasts is not repeated. */
export function echoMonitor(deps: {
  destinations: readonly string[];
  /** Throws where the destination does not answer with success. */
  echo(destination: string): Promise<void>;
  log: Log;
  clock: Clock;
}): EchoMonitor {
  const { destinations, log, clock } = deps;
  const results = new Map<string, EchoResult>();

  async function ask(destination: string): Promise<void> {
    const error = await deps.echo(destination).then(
      () => null,
      (thrown: unknown) => toRaunetError(thrown, { destination }),
    );
    const before = results.get(destination);
    const ok = error === null;
    const changed = before?.ok !== ok;
    const at = clock.now();
    results.set(destination, { ok, error, at, since: changed ? at : before.since });
    if (!changed) return;
    if (error) log.warn('A destination does not answer to C-ECHO', { destination, error });
    else log.info('A destination answers to C-ECHO', { destination });
  }

  return {
    async run() {
      await Promise.all(destinations.map(ask));
    },
    results: () => results,
  };
}

import type { Log } from '../lib/log';

export interface DiskState {
  /** New associations are rejected. */
  low: boolean;
  freeBytes: number;
}

export interface DiskWatermark {
  /** Measures. */
  check(): Promise<void>;
  /** As of the last check; before the first, not low and NaN. */
  state(): DiskState;
}

/** Once low, so much more than the limit must be free again: receiving must not open and close with every series. */
const REOPEN = 1.1;

/** Tells when the disk of the data folder is too full to receive. The limit is in bytes; zero switches it off. */
export function diskWatermark(deps: {
  minFreeBytes: number;
  freeBytes(): Promise<number>;
  log: Log;
}): DiskWatermark {
  const { minFreeBytes, log } = deps;
  let state: DiskState = { low: false, freeBytes: Number.NaN };
  return {
    async check() {
      const freeBytes = await deps.freeBytes();
      const low = freeBytes < (state.low ? minFreeBytes * REOPEN : minFreeBytes);
      if (low && !state.low)
        log.error('The disk is too full: new associations are rejected until space is free', {
          freeBytes,
          minFreeBytes,
        });
      if (!low && state.low)
        log.info('There is space again: associations are accepted', { freeBytes, minFreeBytes });
      state = { low, freeBytes };
    },
    state: () => state,
  };
}

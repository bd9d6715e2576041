import { ipKeyGenerator, MemoryStore } from 'express-rate-limit';

const FAILURES = 10;
const FAILURE_WINDOW_MS = 5 * 60_000;
/** Of an IPv6 address: who has one has the whole network. */
const IPV6_PREFIX = 64;

/** What is counted for an address. */
export const clientOf = (address: string): string => ipKeyGenerator(address, IPV6_PREFIX);

/** Counts for an address; not `within` from the eleventh within five minutes on. */
export function failureCount(): (address: string) => Promise<{ within: boolean; secondsLeft: number }> {
  const store = new MemoryStore();
  store.init({ windowMs: FAILURE_WINDOW_MS } as Parameters<MemoryStore['init']>[0]);
  return async (address) => {
    const { totalHits, resetTime } = await store.increment(clientOf(address));
    const left = (resetTime?.getTime() ?? Date.now()) - Date.now();
    return { within: totalHits <= FAILURES, secondsLeft: Math.ceil(left / 1000) };
  };
}

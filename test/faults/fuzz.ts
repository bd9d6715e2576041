import fc from 'fast-check';
import { heldMegabytes } from '../fixtures/held';
import { figure, ROUNDS, SEED } from './frame';

/** No case may take more of the processor, ms: there is no input that holds up a thread. */
const SLOWEST_MS = 1000;
/** Memory that is still held after a target, 10^6 bytes. */
const HELD_MB = 32;

/**
 * Asks `holds` about so many cases (times --rounds), in order of fast-check's seed, and writes down how many.
 * Fails on a throw of `holds`, with the smallest case that fast-check finds, on a slow case, and on memory that stays.
 */
export async function fuzz<T>(
  target: string,
  cases: number,
  arbitrary: fc.Arbitrary<T>,
  holds: (value: T) => void | Promise<void>,
): Promise<void> {
  const before = await heldMegabytes();
  let count = 0;
  let slowest = 0;
  await fc.assert(
    fc.asyncProperty(arbitrary, async (value) => {
      count++;
      const from = process.cpuUsage();
      await holds(value);
      const { user, system } = process.cpuUsage(from);
      slowest = Math.max(slowest, (user + system) / 1000);
    }),
    { numRuns: cases * (ROUNDS ?? 1), seed: SEED | 0, endOnFailure: false },
  );
  const held = (await heldMegabytes()) - before;
  figure(`fuzz cases: ${target}`, count);
  if (slowest > SLOWEST_MS)
    throw new Error(`${target}: a case took ${Math.round(slowest)} ms of the processor`);
  if (held > HELD_MB) throw new Error(`${target}: ${held.toFixed(0)} MB are still held after ${count} cases`);
}

import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Grain of the measurement, ms. */
const RESOLUTION_MS = 10;
const REPORT_MS = 1000;

/**
 * Tells once a second for how long, in seconds, the event loop was held up at most since it was last told: nobody was
 * answered in that time. Ends with the function that it returns; keeps no process alive.
 */
export function watchEventLoop(longestDelay: (seconds: number) => void): () => void {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  const timer = setInterval(() => {
    // What is recorded is the time between two looks (Node, perf_hooks).
    longestDelay(Math.max(0, delays.max / 1e6 - RESOLUTION_MS) / 1000);
    delays.reset();
  }, REPORT_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    delays.disable();
  };
}

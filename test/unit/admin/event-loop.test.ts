import { setTimeout as sleep } from 'node:timers/promises';
import { watchEventLoop } from '../../../src/admin/event-loop';

test('a held event loop is told with the time that it was held', async () => {
  const told: number[] = [];
  const unwatch = watchEventLoop((seconds) => told.push(seconds));
  await sleep(50); // the first look
  const until = performance.now() + 400;
  while (performance.now() < until);
  await sleep(2500);
  unwatch();
  expect(Math.max(...told)).toBeGreaterThan(0.35);
  expect(Math.max(...told)).toBeLessThan(1.5);
  // Told for one second only; a free loop is told too.
  expect(told.length).toBeGreaterThanOrEqual(2);
  expect(told.at(-1)).toBeLessThan(Math.max(...told));
});

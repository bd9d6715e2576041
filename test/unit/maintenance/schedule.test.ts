import { configSchema } from '../../../src/config/schema';
import type { Log } from '../../../src/lib/log';
import { silentLog } from '../../../src/lib/log';
import { startMaintenance, type Tasks } from '../../../src/maintenance/schedule';
import { until } from '../../fixtures/until';

const never = '0 0 29 2 *';
const everySecond = '* * * * * *';

const config = (over: object) =>
  configSchema.parse({
    maintenance: { retentionCron: never, diskCron: never, echoCron: never, reconcileCron: never, ...over },
  }).maintenance;

const idle: Tasks = {
  retention: async () => {},
  disk: async () => {},
  echo: async () => {},
  reconcile: async () => {},
};

test('the defaults of the configuration are timetables that can be scheduled', async () => {
  const maintenance = startMaintenance({
    config: configSchema.parse({}).maintenance,
    log: silentLog,
    tasks: idle,
  });
  await maintenance.stop();
});

test('a task runs again and again, but never beside itself', async () => {
  let runs = 0;
  let active = 0;
  let most = 0;
  const disk = async () => {
    runs++;
    most = Math.max(most, ++active);
    await new Promise((resolve) => setTimeout(resolve, 1300));
    active--;
  };
  const maintenance = startMaintenance({
    config: config({ diskCron: everySecond }),
    log: silentLog,
    tasks: { ...idle, disk },
  });
  await until('two runs', () => runs >= 2);
  await maintenance.stop();
  expect(most).toBe(1);
});

test('a failing task is logged and runs again at its next time', async () => {
  const errors: unknown[] = [];
  const log: Log = { ...silentLog, error: (_, fields) => void errors.push(fields) };
  const failure = new Error('no network');
  const maintenance = startMaintenance({
    config: config({ echoCron: everySecond }),
    log,
    tasks: { ...idle, echo: () => Promise.reject(failure) },
  });
  await until('two failures', () => errors.length >= 2);
  await maintenance.stop();
  expect(errors[0]).toEqual({ task: 'echo', error: failure });
});

test('run waits for the task; stop waits for what runs, and nothing begins after it', async () => {
  let ended = 0;
  const reconcile = async () => {
    await new Promise((resolve) => setTimeout(resolve, 200));
    ended++;
  };
  const maintenance = startMaintenance({ config: config({}), log: silentLog, tasks: { ...idle, reconcile } });
  await maintenance.run('reconcile');
  expect(ended).toBe(1);
  void maintenance.run('reconcile');
  void maintenance.run('reconcile');
  await maintenance.stop();
  expect(ended).toBe(2);
});

import { spawn } from 'node:child_process';
import { transaction } from '../../../src/jobs/pool';
import { openQueues, type Queues } from '../../../src/jobs/queue';
import { silentLog } from '../../../src/lib/log';
import { startTestDatabase, type TestDatabase } from '../../fixtures/database';
import { until } from '../../fixtures/until';

let database: TestDatabase;
let queues: Queues | null = null;
const options = { retryLimit: 0, retrySeconds: 1, retryMaxSeconds: 1 };

const open = async (): Promise<Queues> => {
  queues = await openQueues({ connection: database.connection, log: silentLog });
  await queues.define('work', options);
  return queues;
};

const send = (to: Queues, key: string) =>
  transaction(database.pool, (tx) => to.send(tx, 'work', { key }, { key }));

beforeAll(async () => {
  database = await startTestDatabase();
});

afterEach(async () => {
  await queues?.stop(1);
  queues = null;
});

afterAll(() => database.stop());

test('the job of a worker that was killed goes to another, and the kill does not count as an error', async () => {
  const script = `
    const { openQueues } = require('./src/jobs/queue');
    const { silentLog } = require('./src/lib/log');
    (async () => {
      const queues = await openQueues({ connection: ${JSON.stringify(database.connection)}, log: silentLog });
      await queues.define('work', ${JSON.stringify(options)});
      await queues.work('work', { concurrency: 1, run: () => { console.log('active'); return new Promise(() => {}); }, dead: async () => {} });
    })();`;
  const child = spawn(process.execPath, ['-r', './test/fixtures/typescript-hook.cjs', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const active = new Promise((resolve) => child.stdout.once('data', resolve));
  const here = await open();
  await send(here, 'a');
  await active;
  child.kill('SIGKILL');

  const attempts: number[] = [];
  const dead: string[] = [];
  await here.work('work', {
    concurrency: 1,
    run: async ({ attempt }) => void attempts.push(attempt),
    dead: async (_, { code }) => void dead.push(code),
  });
  await until('taken over', () => attempts.length > 0 || dead.length > 0);
  expect({ attempts, dead }).toEqual({ attempts: [2], dead: [] });
});

test('stop hands a running job back: it runs again after the next start', async () => {
  const first = await open();
  let began = false;
  let aborted = false;
  await first.work('work', {
    concurrency: 1,
    run: ({ signal }) => {
      began = true;
      return new Promise((_, reject) =>
        signal.addEventListener('abort', () => {
          aborted = true;
          reject(new Error('aborted'));
        }),
      );
    },
    dead: () => Promise.reject(new Error('not expected to die')),
  });
  await send(first, 'b');
  await until('active', () => began);
  await first.stop(1);
  expect(aborted).toBe(true);

  const second = await open();
  const attempts: number[] = [];
  await second.work('work', {
    concurrency: 1,
    run: async ({ attempt }) => void attempts.push(attempt),
    dead: () => Promise.reject(new Error('not expected to die')),
  });
  await until('ran again', () => attempts.length > 0);
  expect(attempts).toEqual([2]);
});

test('a database that dies and comes back loses no job and stops no worker', async () => {
  const here = await open();
  const ran: string[] = [];
  await here.work<{ key: string }>('work', {
    concurrency: 1,
    run: async ({ data }) => void ran.push(data.key),
    dead: () => Promise.reject(new Error('not expected to die')),
  });
  await send(here, 'before');
  await until('ran', () => ran.length === 1);
  await database.pool
    .query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()')
    .catch(() => undefined);
  await until('sends again', () => send(here, 'after').then(() => true));
  await until('ran', () => ran.includes('after'));
});

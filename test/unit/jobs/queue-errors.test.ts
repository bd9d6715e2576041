import { transaction } from '../../../src/jobs/pool';
import { openQueues, type Queues } from '../../../src/jobs/queue';
import { RaunetError } from '../../../src/lib/errors';
import { silentLog } from '../../../src/lib/log';
import { startTestDatabase, type TestDatabase } from '../../fixtures/database';
import { until } from '../../fixtures/until';

interface Note {
  n: number;
}

let database: TestDatabase;
let queues: Queues;
let queueNumber = 0;
const retries = { retryLimit: 2, retrySeconds: 1, retryMaxSeconds: 1 };

beforeAll(async () => {
  database = await startTestDatabase();
  queues = await openQueues({ connection: database.connection, log: silentLog });
});

afterAll(async () => {
  await queues.stop(1);
  await database.stop();
});

async function newQueue(options = retries): Promise<string> {
  const queue = `queue-${++queueNumber}`;
  await queues.define(queue, options);
  return queue;
}

const send = (
  queue: string,
  key: string,
  n: number,
  more: { priority?: number; afterSeconds?: number } = {},
) => transaction(database.pool, (tx) => queues.send(tx, queue, { n }, { key, ...more }));

const noDead = () => Promise.reject(new Error('not expected to die'));

test('a transient error is retried up to the limit, then the job is dead with its code', async () => {
  const queue = await newQueue({ ...retries, retryLimit: 1 });
  const attempts: number[] = [];
  const dead: { n: number; code: string; message: string }[] = [];
  await queues.work<Note>(queue, {
    concurrency: 1,
    async run({ attempt }) {
      attempts.push(attempt);
      throw new RaunetError('RAUNET_DESTINATION_DOWN', { detail: 'refused' });
    },
    dead: async ({ n }, { code, message }) => void dead.push({ n, code, message }),
  });
  await send(queue, 'x', 7);
  await until('dead', () => dead.length > 0);
  expect(attempts).toEqual([1, 2]);
  expect(dead).toEqual([
    { n: 7, code: 'RAUNET_DESTINATION_DOWN', message: expect.stringContaining('refused') },
  ]);
});

test('a permanent error is not retried', async () => {
  const queue = await newQueue();
  let runs = 0;
  const dead: string[] = [];
  await queues.work<Note>(queue, {
    concurrency: 1,
    async run() {
      runs++;
      throw new RaunetError('RAUNET_NOT_ACCEPTED');
    },
    dead: async (_, { code }) => void dead.push(code),
  });
  await send(queue, 'x', 1);
  await until('dead', () => dead.length > 0);
  expect({ runs, dead }).toEqual({ runs: 1, dead: ['RAUNET_NOT_ACCEPTED'] });
});

test('the end of a dead job is told again while the telling fails for a passing reason, not for a permanent one', async () => {
  const queue = await newQueue();
  const told: string[] = [];
  await queues.work<Note>(queue, {
    concurrency: 1,
    run: () => Promise.reject(new RaunetError('RAUNET_NOT_ACCEPTED')),
    async dead({ n }) {
      told.push(`${n}`);
      if (n === 1) throw new RaunetError('RAUNET_STATE');
      if (told.filter((each) => each === '2').length === 1) throw new RaunetError('RAUNET_DATABASE');
    },
  });
  await send(queue, 'permanent', 1);
  await send(queue, 'passing', 2);
  await until('told twice', () => told.filter((n) => n === '2').length === 2);
  expect(told.filter((n) => n === '1')).toHaveLength(1);
});

test('a cancelled job does not run; an active one is aborted and can no longer complete', async () => {
  const queue = await newQueue();
  const outcome: string[] = [];
  await send(queue, 'waiting', 1, { afterSeconds: 1 });
  await send(queue, 'active', 2);
  await queues.work<Note>(queue, {
    concurrency: 1,
    async run({ data, signal, complete }) {
      outcome.push(`begin ${data.n}`);
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      await transaction(database.pool, complete).catch((error: RaunetError) => outcome.push(error.code));
    },
    dead: noDead,
  });
  await until('one is active', () => outcome.length > 0);
  await transaction(database.pool, async (tx) => {
    await queues.cancel(tx, queue, 'waiting');
    await queues.cancel(tx, queue, 'active');
  });
  await until('the active one gave up', () => outcome.length > 1);
  expect(outcome).toEqual(['begin 2', 'RAUNET_JOB_TAKEN']);
  expect(await queues.has(database.pool, queue, 'waiting')).toBe(false);
});

test('the depth of the queues while the database is away: RAUNET_DATABASE', async () => {
  const other = await startTestDatabase();
  const away = await openQueues({ connection: other.connection, log: silentLog });
  await other.stop();
  await expect(away.depth()).rejects.toMatchObject({ code: 'RAUNET_DATABASE', class: 'transient' });
  await away.stop(0).catch(() => {});
});

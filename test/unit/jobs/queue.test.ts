import { transaction } from '../../../src/jobs/pool';
import { type Job, openQueues, type Queues } from '../../../src/jobs/queue';
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
  await database.pool.query('CREATE TABLE done (queue text, n int)');
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

test('a job commits with the transaction that sent it, and a rollback removes it', async () => {
  const queue = await newQueue();
  const ran: number[] = [];
  const failing = transaction(database.pool, async (tx) => {
    await queues.send(tx, queue, { n: 1 }, { key: 'a' });
    throw new Error('roll back');
  });
  await expect(failing).rejects.toThrow('roll back');
  await send(queue, 'b', 2);
  await queues.work<Note>(queue, {
    concurrency: 1,
    run: async ({ data }) => void ran.push(data.n),
    dead: noDead,
  });
  await until('the committed job ran', () => ran.length > 0);
  expect(await queues.has(database.pool, queue, 'a')).toBe(false);
  expect(ran).toEqual([2]);
});

test('debounce: many events of a key give one run, with the last data, so long after the last event', async () => {
  const queue = await newQueue();
  const runs: { n: number; at: number }[] = [];
  await queues.work<Note>(queue, {
    concurrency: 2,
    run: async ({ data }) => void runs.push({ n: data.n, at: Date.now() }),
    dead: noDead,
  });
  let last = 0;
  for (let n = 1; n <= 8; n++) {
    await send(queue, 'series', n, { afterSeconds: 2 });
    last = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  await until('one run', () => runs.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 1200));
  expect(runs.map(({ n }) => n)).toEqual([8]);
  // The database's clock starts the wait within the transaction of the last event.
  expect(runs[0]!.at - last).toBeGreaterThan(1900);
});

test('an event that arrives while the job of its key is active is kept and runs after it, never beside it', async () => {
  const queue = await newQueue();
  const log: string[] = [];
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await queues.work<Note>(queue, {
    concurrency: 2,
    async run({ data }) {
      log.push(`begin ${data.n}`);
      if (data.n === 1) await held;
      log.push(`end ${data.n}`);
    },
    dead: noDead,
  });
  await send(queue, 'series', 1);
  await until('the first is active', () => log.length > 0);
  await send(queue, 'series', 2);
  await send(queue, 'other', 3);
  await until('another key overtakes', () => log.includes('end 3'));
  expect(log).toEqual(['begin 1', 'begin 3', 'end 3']);
  release();
  await until('the late event ran', () => log.includes('end 2'));
  expect(log.slice(3)).toEqual(['end 1', 'begin 2', 'end 2']);
});

// Found by test/faults/faults.test.ts: the delivery to a PACS stood still for as long as the clock had been set back.
test('a clock that is set back while a job runs holds up no job after it', async () => {
  const queue = await newQueue();
  const ran: number[] = [];
  const now = Date.now;
  const jump = jest.spyOn(Date, 'now');
  try {
    await queues.work<Note>(queue, {
      concurrency: 1,
      async run({ data }) {
        ran.push(data.n);
        jump.mockImplementation(() => now() - data.n * 86_400_000);
      },
      dead: noDead,
    });
    await send(queue, 'first', 1);
    await until('the first job ran', () => ran.length === 1);
    await send(queue, 'second', 2);
    for (let waited = 0; waited < 100 && ran.length < 2; waited++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    expect(ran).toEqual([1, 2]);
  } finally {
    jump.mockRestore();
  }
});

test('complete(tx) commits job and rows together; after a rollback the job runs again', async () => {
  const queue = await newQueue();
  await queues.work<Note>(queue, {
    concurrency: 1,
    run: ({ attempt, complete, data }: Job<Note>) =>
      transaction(database.pool, async (tx) => {
        await tx.query('INSERT INTO done VALUES ($1, $2)', [queue, data.n * 10 + attempt]);
        await complete(tx);
        if (attempt === 1) throw new RaunetError('RAUNET_DATABASE', { detail: 'lost at commit' });
      }),
    dead: noDead,
  });
  await send(queue, 'x', 1);
  const rows = () => database.pool.query('SELECT n FROM done WHERE queue = $1', [queue]).then((r) => r.rows);
  await until('the second attempt committed', async () => (await rows()).length > 0);
  await until('the job is gone', async () => !(await queues.has(database.pool, queue, 'x')));
  expect(await rows()).toEqual([{ n: 12 }]);
});

test('higher priority runs first, also when it was raised while waiting; the depth tells waiting and active', async () => {
  const queue = await newQueue();
  for (const [key, priority] of [
    ['low', 0],
    ['high', 10],
    ['raised', 0],
  ] as const)
    await send(queue, key, priority, { priority });
  await transaction(database.pool, (tx) => queues.setPriority(tx, queue, 'raised', 20));
  await until('counted', async () =>
    (await queues.depth()).some(
      (depth) => depth.queue === queue && depth.waiting === 3 && depth.active === 0,
    ),
  );
  const order: string[] = [];
  await queues.work<Note>(queue, {
    concurrency: 1,
    run: async (job) => void order.push(job.id),
    dead: noDead,
  });
  await until('all ran', () => order.length === 3);
  const { rows } = await database.pool.query<{ singleton_key: string }>(
    'SELECT singleton_key FROM raunet_jobs.job WHERE name = $1 ORDER BY started_on',
    [queue],
  );
  expect(rows.map((row) => row.singleton_key)).toEqual(['raised', 'high', 'low']);
});

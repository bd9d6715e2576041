import { configSchema } from '../../../src/config/schema';
import { transaction } from '../../../src/jobs/pool';
import { openQueues, type Queues } from '../../../src/jobs/queue';
import { silentLog } from '../../../src/lib/log';
import { deliverOptions, deliverQueue } from '../../../src/steps/queues';
import { startTestDatabase, type TestDatabase } from '../../fixtures/database';
import { until } from '../../fixtures/until';

const DAY = 86_400;
const destination = configSchema.parse({
  delivery: {
    destinations: [
      { name: 'pacs', aeTitle: 'PACS', host: 'pacs.example', port: 104, commitment: { reportSeconds: DAY } },
    ],
  },
}).delivery.destinations[0]!;
const queue = deliverQueue('pacs');

let database: TestDatabase;
const machines: Queues[] = [];
/** The task of each machine that looks for jobs which wait since the clock was set back. */
const looks: (() => void)[] = [];

beforeAll(async () => {
  database = await startTestDatabase();
  const interval = jest.spyOn(global, 'setInterval');
  for (let n = 0; n < 2; n++) {
    const machine = await openQueues({ connection: database.connection, log: silentLog });
    await machine.define(queue, deliverOptions(destination));
    machines.push(machine);
  }
  looks.push(...interval.mock.calls.flatMap(([task, ms]) => (ms === 15_000 ? [task as () => void] : [])));
  interval.mockRestore();
});
afterAll(async () => {
  for (const machine of machines) await machine.stop(1);
  await database?.stop();
});

test('the wait for a storage commitment report is cut short by no other machine; one of a clock that was set back is', async () => {
  const [office] = machines;
  const send = (key: string) =>
    transaction(database.pool, (tx) => office!.send(tx, queue, {}, { key, afterSeconds: DAY }));
  await send('asked');
  await send('clock set back');
  const waits = async (key: string): Promise<number> => {
    const { rows } = await database.pool.query<{ seconds: number }>(
      'SELECT extract(epoch FROM start_after - now())::float8 AS seconds FROM raunet_jobs.job WHERE name = $1 AND singleton_key = $2',
      [queue, key],
    );
    return rows[0]!.seconds;
  };
  await database.pool.query(
    "UPDATE raunet_jobs.job SET start_after = start_after + interval '9 days' WHERE singleton_key = 'clock set back'",
  );
  expect(looks).toHaveLength(2);
  looks[1]!();
  await until('the wait is shortened', async () => (await waits('clock set back')) <= DAY + 5);
  expect(await waits('asked')).toBeGreaterThan(DAY - 60);
});

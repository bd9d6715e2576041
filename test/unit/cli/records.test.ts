import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { moveRecords } from '../../../src/cli/records';
import { createToken, listTokens, revokeToken } from '../../../src/cli/token';
import { type Config, configSchema } from '../../../src/config/schema';
import { transaction } from '../../../src/jobs/pool';
import { recordInstance } from '../../../src/records/receive';
import { startTestDatabase, type TestDatabase } from '../../fixtures/database';
import { received } from '../../fixtures/received';

// `raunet records` against the embedded database.

let database: TestDatabase;
const folder = mkdtempSync(join(tmpdir(), 'raunet-records-'));
const file = join(folder, 'records.jsonl');

beforeAll(async () => {
  database = await startTestDatabase();
});
afterAll(async () => {
  await database.stop();
  rmSync(folder, { recursive: true });
});

async function moved(
  direction: 'export' | 'import',
  config: Partial<Config>,
): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = [];
  const print = (line: string) => void lines.push(line);
  return { code: await moveRecords(direction, file, { ...configSchema.parse({}), ...config }, print), lines };
}

test('an export that fails leaves no file behind, so that the next one can be written; one that is there is never replaced', async () => {
  await expect(moved('export', { dataDir: database.dataDir })).rejects.toMatchObject({
    code: 'RAUNET_DATA_FOLDER_BUSY',
  });
  expect(readdirSync(folder)).toEqual([]);

  const { host, user, database: name } = database.connection;
  const url = `postgres://${user}@/${name}?host=${encodeURIComponent(host!)}`;
  expect(await moved('export', { database: { url } })).toEqual({
    code: 0,
    lines: [`0 records written to ${file}.`],
  });
  expect(readdirSync(folder)).toEqual(['records.jsonl']);
  const text = readFileSync(file, 'utf8');
  expect(text).toMatch(/^\{"raunet":\d+\}\n\{"rows":0\}\n$/);

  expect(await moved('export', { database: { url } })).toEqual({
    code: 1,
    lines: [`${file} is there already: name a new file.`],
  });
  expect(readFileSync(file, 'utf8')).toBe(text);
});

// Found by hand: the lines were read before anybody asked for them, so that every import hung or refused a whole file.
test('what an export wrote is read by an import: its rows stand in the other database', async () => {
  const { host, user, database: name } = database.connection;
  const url = `postgres://${user}@/${name}?host=${encodeURIComponent(host!)}`;
  rmSync(file, { force: true });
  await transaction(database.pool, (tx) => recordInstance(tx, received('1.2.3', 1), 'routine'));
  expect(await moved('export', { database: { url } })).toMatchObject({ code: 0 });
  await database.pool.query('DELETE FROM raunet.series');
  const read = await moved('import', { database: { url } });
  expect(read).toEqual({ code: 0, lines: [expect.stringMatching(/^[1-9]\d* records read from /)] });
  const { rows } = await database.pool.query('SELECT series_uid FROM raunet.series');
  expect(rows).toEqual([{ series_uid: '1.2.3' }]);
});

test('export and the token commands make no database where there is none: the code, the folder looked at, and no trace', async () => {
  const dataDir = join(folder, 'nobodys');
  const config: Config = { ...configSchema.parse({}), dataDir };
  rmSync(file, { force: true });
  await expect(moved('export', { dataDir })).rejects.toMatchObject({
    code: 'RAUNET_DATA_FOLDER_EMPTY',
    message: expect.stringContaining(dataDir),
  });
  const said: string[] = [];
  const print = (line: string) => void said.push(line);
  const codes = [
    await listTokens(config, print),
    await createToken({ name: 'x', role: 'viewer' }, config, print),
    await revokeToken('x', config, print),
  ];
  expect(codes).toEqual([1, 1, 1]);
  expect(said).toEqual(
    Array(3).fill(expect.stringMatching(/^RAUNET_DATA_FOLDER_EMPTY: .*nobodys.*--config/)),
  );
  expect([existsSync(dataDir), existsSync(file)]).toEqual([false, false]);
});

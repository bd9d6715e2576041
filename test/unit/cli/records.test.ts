import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { moveRecords } from '../../../src/cli/records';
import { type Config, configSchema } from '../../../src/config/schema';
import { startTestDatabase, type TestDatabase } from '../../fixtures/database';

// `raunet records export` against the embedded database.

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

async function exported(config: Partial<Config>): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = [];
  const print = (line: string) => void lines.push(line);
  return { code: await moveRecords('export', file, { ...configSchema.parse({}), ...config }, print), lines };
}

test('an export that fails leaves no file behind, so that the next one can be written; one that is there is never replaced', async () => {
  await expect(exported({ dataDir: database.dataDir })).rejects.toMatchObject({
    code: 'RAUNET_DATA_FOLDER_BUSY',
  });
  expect(readdirSync(folder)).toEqual([]);

  const { host, user, database: name } = database.connection;
  const url = `postgres://${user}@/${name}?host=${encodeURIComponent(host!)}`;
  expect(await exported({ database: { url } })).toEqual({
    code: 0,
    lines: [`0 records written to ${file}.`],
  });
  expect(readdirSync(folder)).toEqual(['records.jsonl']);
  const text = readFileSync(file, 'utf8');
  expect(text).toMatch(/^\{"raunet":\d+\}\n\{"rows":0\}\n$/);

  expect(await exported({ database: { url } })).toEqual({
    code: 1,
    lines: [`${file} is there already: name a new file.`],
  });
  expect(readFileSync(file, 'utf8')).toBe(text);
});

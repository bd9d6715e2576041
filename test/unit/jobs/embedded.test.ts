import { spawn } from 'node:child_process';
import { chown, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { type Database, openDatabase } from '../../../src/jobs/database';
import { createPool, transaction } from '../../../src/jobs/pool';
import { silentLog } from '../../../src/lib/log';
import { serversOf } from '../../fixtures/database';
import { until } from '../../fixtures/until';

const isRoot = process.getuid!() === 0;
const NOBODY = { uid: 65534, gid: 65534 };
const rootOnly = isRoot ? test : test.skip;

let dataDir: string;
const opened: Database[] = [];
const lost: Error[] = [];

async function open(dir = dataDir): Promise<Database> {
  const database = await openDatabase({ dataDir: dir, log: silentLog, onLost: (error) => lost.push(error) });
  opened.push(database);
  return database;
}

async function ask(database: Database, sql: string): Promise<unknown> {
  const client = new Client(database.connection);
  await client.connect();
  try {
    return Object.values((await client.query(sql)).rows[0] ?? {})[0];
  } finally {
    await client.end();
  }
}

const postmaster = async (dir = dataDir) =>
  Number((await readFile(join(dir, 'postgres/cluster/postmaster.pid'), 'utf8')).split('\n')[0]);

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'raunet-embedded-'));
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.stop()));
  expect(await serversOf(dataDir)).toEqual([]);
});

afterAll(() => rm(dataDir, { recursive: true, force: true }));

test('a fresh data folder becomes a database that keeps its rows over a restart, fsync on, no TCP', async () => {
  const first = await open();
  await ask(first, 'CREATE TABLE kept AS SELECT 42 AS n');
  expect(await ask(first, 'SHOW fsync')).toBe('on');
  expect(await ask(first, 'SHOW data_checksums')).toBe('on');
  expect(await ask(first, 'SHOW server_encoding')).toBe('UTF8');
  expect(await ask(first, 'SHOW listen_addresses')).toBe('');
  expect((await stat(String(first.connection.host))).mode & 0o777).toBe(0o700);
  await first.stop();
  expect(await serversOf(dataDir)).toEqual([]);

  expect(await ask(await open(), 'SELECT n FROM kept')).toBe(42);
});

rootOnly('started as root, the server runs as an unprivileged user that owns its folder', async () => {
  await open();
  const { uid } = await stat(`/proc/${await postmaster()}`);
  expect(uid).not.toBe(0);
  expect((await stat(join(dataDir, 'postgres'))).uid).toBe(uid);
});

test('a second service on one data folder is refused with RAUNET_DATA_FOLDER_BUSY and harms nothing', async () => {
  const first = await open();
  await expect(open()).rejects.toThrow('RAUNET_DATA_FOLDER_BUSY');
  expect(await ask(first, 'SELECT 1')).toBe(1);
});

test('a server whose service was killed is adopted', async () => {
  const script = `
    const { openDatabase } = require('./src/jobs/database');
    openDatabase({ dataDir: ${JSON.stringify(dataDir)}, log: require('./src/lib/log').silentLog, onLost() {} })
      .then(() => console.log('open'));`;
  const child = spawn(process.execPath, ['-r', './test/fixtures/typescript-hook.cjs', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const pid = await postmaster();
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));

  const database = await open();
  expect(await ask(database, 'SELECT 1')).toBe(1);
  expect(await postmaster()).toBe(pid);
});

test('kill -9 of the whole server in mid-run: it comes back by itself, committed rows are there, an open transaction failed', async () => {
  const database = await open();
  const pool = createPool(database.connection, silentLog);
  await pool.query('CREATE TABLE IF NOT EXISTS killed (n int)');
  await pool.query('INSERT INTO killed VALUES (1)');
  const pids = await serversOf(dataDir);
  const broken = transaction(pool, async (tx) => {
    await tx.query('INSERT INTO killed VALUES (2)');
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 300));
    await tx.query('SELECT 1');
  });
  await expect(broken).rejects.toThrow('RAUNET_DATABASE');
  await until('the server is back', () => pool.query('SELECT 1'));
  expect((await pool.query('SELECT n FROM killed')).rows).toEqual([{ n: 1 }]);
  await pool.end();
});

test('kill -9 of the postmaster alone: its lock is waited for, then the server comes back', async () => {
  const database = await open();
  const before = await postmaster();
  process.kill(before, 'SIGKILL');
  await until('the server is back', () => ask(database, 'SELECT 1'));
  expect(await postmaster()).not.toBe(before);
});

test('a stale postmaster.pid that names a living process of another program is no obstacle', async () => {
  const database = await open();
  await database.stop();
  const stale = [process.pid, join(dataDir, 'postgres/cluster'), 1, 5432, '/nowhere', '', '', 'ready'].join(
    '\n',
  );
  const file = join(dataDir, 'postgres/cluster/postmaster.pid');
  await writeFile(file, stale, { mode: 0o600 });
  if (isRoot) await chown(file, NOBODY.uid, NOBODY.gid);
  expect(await ask(await open(), 'SELECT 1')).toBe(1);
});

test('a folder of another major version is refused, told how to move it, and left as it was', async () => {
  const file = join(dataDir, 'postgres/cluster/PG_VERSION');
  const version = await readFile(file, 'utf8');
  await writeFile(file, '17\n');
  await expect(open()).rejects.toThrow(/RAUNET_DATABASE_SETUP.*PostgreSQL 17.*export.*import/);
  await writeFile(file, version);
  expect(await ask(await open(), 'SELECT 1')).toBe(1);
});

test('a given server is used as it is: left running by stop, a wrong database name is told at once', async () => {
  const host = String((await open()).connection.host);
  const given = (database: string) =>
    openDatabase({
      url: `postgresql:///${database}?host=${encodeURIComponent(host)}&user=raunet`,
      dataDir,
      log: silentLog,
      onLost: (error) => lost.push(error),
    });
  const database = await given('postgres');
  expect(await ask(database, 'SELECT 1')).toBe(1);
  await database.stop();
  expect(await ask(database, 'SELECT 1')).toBe(1);
  await expect(given('nothere')).rejects.toThrow(/RAUNET_DATABASE:.*nothere/);
});

test('nobody was told that its data folder was taken', () => expect(lost).toEqual([]));

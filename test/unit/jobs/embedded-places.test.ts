import { execFileSync, spawn } from 'node:child_process';
import { chmod, chown, cp, mkdir, mkdtemp, readdir, rename, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { type Database, openDatabase } from '../../../src/jobs/database';
import { findBinaries, usableBinaries } from '../../../src/jobs/embedded/binaries';
import { prepareHome, removeElsewhere, socketFolder } from '../../../src/jobs/embedded/home';
import { silentLog } from '../../../src/lib/log';
import { serversOf } from '../../fixtures/database';

const NOBODY = { uid: 65534, gid: 65534 };
const isRoot = process.getuid!() === 0;
const rootOnly = isRoot ? test : test.skip;
/** Not in a checkout under a closed home: there another user cannot even read the code. */
const othersCanRun =
  isRoot &&
  succeeds(() =>
    execFileSync(process.execPath, ['-e', 'require("./package.json")'], { ...NOBODY, stdio: 'ignore' }),
  );
const inOpenCheckout = othersCanRun ? test : test.skip;
const onLost = (error: Error) => {
  throw error;
};

let dataDir: string;

beforeAll(async () => {
  process.umask(0o077); // as src/main.ts
  dataDir = await mkdtemp(join(tmpdir(), 'raunet-places-'));
  await chmod(dataDir, 0o711);
});

afterEach(async () => expect(await serversOf(dataDir)).toEqual([]));

afterAll(() => rm(dataDir, { recursive: true, force: true }));

async function ask(database: Database, sql: string): Promise<unknown> {
  const client = new Client(database.connection);
  await client.connect();
  try {
    return Object.values((await client.query(sql)).rows[0] ?? {})[0];
  } finally {
    await client.end();
  }
}

test('a data folder with a path too long for a Unix socket gets its socket in the temporary folder, and none stays', async () => {
  const long = join(dataDir, 'x'.repeat(120));
  const database = await openDatabase({ dataDir: long, log: silentLog, onLost });
  expect(String(database.connection.host).startsWith(join(tmpdir(), 'raunet-'))).toBe(true);
  expect(await ask(database, 'SELECT 1')).toBe(1);
  const folder = String(database.connection.host);
  await database.stop();
  await expect(stat(folder)).rejects.toThrow('ENOENT');
  expect(socketFolder('/short')).toBe('/short/run');
});

rootOnly(
  'an unreachable checkout and data folder (a 0700 home): binaries are copied, the database is kept aside',
  async () => {
    const closed = join(dataDir, 'closed');
    const system = join(dataDir, 'system');
    await mkdir(closed, { mode: 0o700 });
    const found = await findBinaries();
    await cp(found.dir, join(closed, 'native'), { recursive: true, verbatimSymlinks: true });
    const warned: string[] = [];
    const log = { ...silentLog, warn: (message: string) => void warned.push(message) };

    const home = await prepareHome(join(closed, 'data'), log, system);
    expect(home.dir.startsWith(`${system}/`)).toBe(true);
    expect(warned).toEqual([expect.stringContaining('kept elsewhere')]);
    const binaries = await usableBinaries({ dir: join(closed, 'native'), version: found.version }, home);
    expect(binaries.dir.startsWith(home.dir)).toBe(true);

    const database = await openDatabase({
      dataDir: join(closed, 'data'),
      systemDir: system,
      log: silentLog,
      onLost,
    });
    await ask(database, 'CREATE TABLE first AS SELECT 1');
    await database.stop();
  },
);

rootOnly(
  'kept aside, a database belongs to its data folder: moved it goes along, made anew it is another',
  async () => {
    const closed = join(dataDir, 'closed');
    const systemDir = join(dataDir, 'system');
    const tables = async (name: string) => {
      const database = await openDatabase({ dataDir: join(closed, name), systemDir, log: silentLog, onLost });
      const found = await ask(database, "SELECT count(*)::int FROM pg_tables WHERE tablename = 'first'");
      await database.stop();
      return found;
    };
    await rename(join(closed, 'data'), join(closed, 'moved'));
    expect(await tables('moved')).toBe(1);
    expect(await tables('data')).toBe(0);
    expect(await readdir(systemDir)).toHaveLength(2);
    await removeElsewhere(join(closed, 'data'), systemDir);
    expect(await readdir(systemDir)).toHaveLength(1);
    // The link is left and its database gone.
    expect(await tables('data')).toBe(0);
    await rm(join(closed, 'data', 'postgres'));
    await symlink(closed, join(closed, 'data', 'postgres'));
    await removeElsewhere(join(closed, 'data'), systemDir);
    expect(await readdir(closed)).toContain('moved');
  },
);

inOpenCheckout(
  'an ordinary user with a read-only node_modules starts it as itself, and root later uses the same database',
  async () => {
    const folder = join(dataDir, 'theirs');
    await mkdir(folder);
    await chown(folder, NOBODY.uid, NOBODY.gid);
    const script = `
    const { openDatabase } = require('./src/jobs/database');
    const { Client } = require('pg');
    (async () => {
      const database = await openDatabase({ dataDir: ${JSON.stringify(folder)}, log: require('./src/lib/log').silentLog, onLost() {} });
      const client = new Client(database.connection);
      await client.connect();
      await client.query('CREATE TABLE theirs AS SELECT 7 AS n');
      await client.end();
      await database.stop();
    })().catch((error) => { console.error(error); process.exitCode = 1; });`;
    const child = spawn(process.execPath, ['-r', './test/fixtures/typescript-hook.cjs', '-e', script], {
      ...NOBODY,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0);
    const database = await openDatabase({ dataDir: folder, log: silentLog, onLost });
    expect(await ask(database, 'SELECT n FROM theirs')).toBe(7);
    await database.stop();
  },
);

test('two services that start at once on a fresh folder: one gets it, the other is refused', async () => {
  const folder = join(dataDir, 'fresh');
  const script = `
    const { openDatabase } = require('./src/jobs/database');
    openDatabase({ dataDir: ${JSON.stringify(folder)}, log: require('./src/lib/log').silentLog, onLost() {} })
      .then(async (database) => {
        console.log('open');
        await new Promise((resolve) => process.stdin.once('end', resolve).resume());
        await database.stop();
      })
      .catch((error) => console.log(error.code ?? String(error)))
      .finally(() => process.stdin.destroy());`;
  const children = [1, 2].map(() =>
    spawn(process.execPath, ['-r', './test/fixtures/typescript-hook.cjs', '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  );
  const words = await Promise.all(
    children.map(
      (child) =>
        new Promise<string>((resolve) => child.stdout!.once('data', (word) => resolve(String(word).trim()))),
    ),
  );
  const ended = Promise.all(children.map((child) => new Promise((resolve) => child.once('exit', resolve))));
  for (const child of children) child.stdin!.end();
  await ended;
  expect(words.sort()).toEqual(['RAUNET_DATA_FOLDER_BUSY', 'open']);
  expect((await readdir(join(folder, 'postgres'))).filter((name) => name.endsWith('.part'))).toEqual([]);
});

function succeeds(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

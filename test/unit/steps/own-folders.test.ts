import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { transaction } from '../../../src/jobs/pool';
import { silentLog } from '../../../src/lib/log';
import { migrate } from '../../../src/records/migrate';
import { recordInstance } from '../../../src/records/receive';
import { openSpool, type Spool } from '../../../src/spool/spool';
import { checkFolders, checkMarkedFolders, claimFolders } from '../../../src/steps/own-folders';
import { installationId } from '../../../src/steps/installation';
import { startTestDatabase, type TestDatabase } from '../../fixtures/database';
import { received } from '../../fixtures/received';

// A folder that is moved away stands for a file system that is not mounted.

let database: TestDatabase;
let installId: string;
const inDataDir = (name: string): string => join(database.dataDir, name);

/** What a start of the service does. */
const start = async (isRebuilt = false): Promise<Spool> => {
  const { pool, dataDir } = database;
  await checkMarkedFolders(dataDir, installId);
  const spool = await openSpool({ dataDir, log: silentLog, check: () => checkFolders(dataDir, installId) });
  await claimFolders(pool, dataDir, installId, isRebuilt);
  return spool;
};

const check = () => checkFolders(database.dataDir, installId);

const unmount = async (): Promise<void> => {
  await rename(inDataDir('spool'), inDataDir('away'));
  await mkdir(inDataDir('spool'));
};
const mount = async (): Promise<void> => {
  await rm(inDataDir('spool'), { recursive: true });
  await rename(inDataDir('away'), inDataDir('spool'));
};

const foreign = (detail: string) => ({
  code: 'RAUNET_FOLDER_FOREIGN',
  message: expect.stringContaining(`${inDataDir('spool')} ${detail}`),
});

beforeAll(async () => {
  database = await startTestDatabase();
  await migrate(database.pool);
  installId = await installationId(database.dataDir);
});
afterAll(() => database.stop());

/** With its record. */
async function store(): Promise<string> {
  const instance = received('1.2.3.4', 1);
  const path = inDataDir(`spool/${instance.file}`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, 'instance');
  await transaction(database.pool, (tx) => recordInstance(tx, instance, 'routine'));
  return path;
}

const keep = async (spool: Spool): Promise<unknown> => {
  const meta = {
    sopInstanceUid: '1.2.9.1',
    sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
    transferSyntaxUid: '1.2.840.10008.1.2.1',
  };
  const part = spool.receive({ ...meta, callingAe: 'CT1', calledAe: 'RAUNET' });
  await part.write(Buffer.alloc(100));
  return part.keep({ studyUid: '1.2.9', seriesUid: '1.2.9.2' }).finally(() => part.close());
};

test('a new installation marks its folders; without its file system it does not start, though nothing is on record, and makes nothing in its place', async () => {
  await start();
  await check();
  await unmount();
  await expect(start()).rejects.toMatchObject(foreign('has no install.json'));
  expect(await readdir(inDataDir('spool'))).toEqual([]);
  await mount();
  await start();
});

test('nothing is acknowledged while the spool is not mounted, and it is again when it is', async () => {
  const spool = await start();
  await unmount();
  await mkdir(inDataDir('spool/incoming'));
  await expect(keep(spool)).rejects.toMatchObject({ code: 'RAUNET_FOLDER_FOREIGN' });
  expect(await readdir(inDataDir('spool'))).toEqual(['incoming']);
  await mount();
  await expect(keep(spool)).resolves.toMatchObject({ file: '1.2.9/1.2.9.2/1.2.9.1.dcm' });
});

/** As a version without marks leaves it. */
const forgetMarks = async (): Promise<void> => {
  for (const name of ['install.json', 'spool/install.json', 'results/install.json'])
    await rm(inDataDir(name));
  await writeFile(inDataDir('install.json'), JSON.stringify({ installId }));
};

test('an installation of an older version is known by its files, and does not start without them', async () => {
  const path = await store();
  await forgetMarks();
  await unmount();
  await expect(start()).rejects.toMatchObject(foreign('has no install.json'));
  await mount();
  await start();
  await check();
  expect(await readFile(path, 'utf8')).toBe('instance');
});

test('the file system of another installation does not start', async () => {
  await writeFile(inDataDir('spool/install.json'), '{"installId":"another"}');
  await expect(start()).rejects.toMatchObject(foreign('is of installation another'));
  await forgetMarks();
  await writeFile(inDataDir('spool/install.json'), '{"installId":"another"}');
  await expect(start(true)).rejects.toMatchObject(foreign('is of installation another'));
});

test('files that are lost for good: install.json of the data folder, copied into the new one, and it starts', async () => {
  await copyFile(inDataDir('install.json'), inDataDir('spool/install.json'));
  await start();
});

test('the disk of the embedded database is lost: what survived of another installation becomes ours, where nothing is on record', async () => {
  await database.pool.query('DROP SCHEMA raunet CASCADE');
  await migrate(database.pool);
  await forgetMarks();
  await writeFile(inDataDir('spool/install.json'), '{"installId":"the one before"}');
  await expect(start()).rejects.toMatchObject(foreign('is of installation the one before'));
  await start(true);
  await check();
});

import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { transaction } from '../../../src/jobs/pool';
import { silentLog } from '../../../src/lib/log';
import { migrate } from '../../../src/records/migrate';
import { recordInstance } from '../../../src/records/receive';
import { openSpool } from '../../../src/spool/spool';
import { checkFolder, claimFolders } from '../../../src/steps/own-folders';
import { installationId } from '../../../src/steps/producer';
import { startTestDatabase, type TestDatabase } from '../../fixtures/database';
import { received } from '../../fixtures/received';

// A folder that is moved away stands for a file system that is not mounted.

let database: TestDatabase;
let installId: string;
const inDataDir = (name: string): string => join(database.dataDir, name);

/** What a start of the service does. */
const start = async (): Promise<void> =>
  claimFolders(database.pool, await openSpool({ dataDir: database.dataDir, log: silentLog }), installId);

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

test('a new installation marks its folders; later the spool without its file system does not start, and with it does', async () => {
  await start();
  for (const name of ['spool', 'results']) await checkFolder(inDataDir(name), installId);
  const instance = received('1.2.3.4', 1);
  await mkdir(dirname(inDataDir(`spool/${instance.file}`)), { recursive: true });
  await writeFile(inDataDir(`spool/${instance.file}`), 'instance');
  await transaction(database.pool, (tx) => recordInstance(tx, instance, 'routine'));

  await unmount();
  await expect(start()).rejects.toMatchObject(foreign('has no install.json'));
  await expect(checkFolder(inDataDir('spool'), installId)).rejects.toMatchObject(
    foreign('has no install.json'),
  );
  await mount();
  await start();
});

test('an installation of an older version is known by its files', async () => {
  await rm(inDataDir('spool/install.json'));
  await start();
  await checkFolder(inDataDir('spool'), installId);
});

test('the file system of another installation does not start', async () => {
  await writeFile(inDataDir('spool/install.json'), '{"installId":"another"}');
  await expect(start()).rejects.toMatchObject(foreign('is of installation another'));
});

test('files that are lost for good: install.json of the data folder, copied into the new one, and it starts', async () => {
  await rm(inDataDir('spool'), { recursive: true });
  await mkdir(inDataDir('spool'));
  await expect(start()).rejects.toMatchObject(foreign('has no install.json'));
  await writeFile(inDataDir('spool/install.json'), JSON.stringify({ installId }));
  await start();
});

import { createHash, randomUUID } from 'node:crypto';
import {
  access,
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { RaunetError } from '../../lib/errors';
import type { Log } from '../../lib/log';
import { type Account, databaseAccount, mayEnter } from './account';
import { isAlive } from './postmaster-pid';

/** Where the embedded server lives; everything in `dir` belongs to the user it runs as. */
export interface Home {
  dir: string;
  /** PGDATA. */
  cluster: string;
  /** Folder of the Unix socket, mode 0700. */
  socketDir: string;
  logFile: string;
  /** Null: the service's own user. */
  account: Account | null;
}

/** sun_path of unix(7) has 108 bytes with the final zero. */
const MAX_SOCKET_PATH = 107;
const SOCKET_NAME = '.s.PGSQL.5432';

const SYSTEM_DIR = '/var/lib/raunet-postgres';
/** Below the data folder: the database, or a link to where it is kept. */
const NAME = 'postgres';

/**
 * The folder of the embedded server: `<dataDir>/postgres`. Started as root under a folder that other users cannot
 * enter (a checkout in /root), PostgreSQL could not reach it; then that is a link to a folder of its own below
 * `systemDir`, and the log says so: another data folder at the same place has another database. An existing database is
 * used where it is. Throws RAUNET_DATABASE_SETUP.
 */
export async function prepareHome(dataDir: string, log: Log, systemDir = SYSTEM_DIR): Promise<Home> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const real = await realpath(dataDir);
  const inside = join(real, NAME);
  const account = await databaseAccount([inside, real]);
  if (account === undefined)
    throw setupError(
      'PostgreSQL refuses to run as root, and there is no user `raunet` or `nobody` to run it as',
    );

  const known = await elsewhere(real);
  if (known !== null && !(await exists(known)))
    log.warn('The database of the data folder is gone; a new one is made, and rebuilt from the spool', {
      dataDir: real,
      database: known,
    });
  const dir = known ?? (account ? await homeOfAccount(account, { real, inside, systemDir }, log) : inside);
  const home: Home = {
    dir,
    cluster: join(dir, 'cluster'),
    socketDir: socketFolder(dir),
    logFile: join(dir, 'postgres.log'),
    account,
  };
  if (dirname(dir) === systemDir) await openToAll(systemDir);
  await ownFolder(dir, account);
  await ownFolder(home.socketDir, account);
  await sweepParts(dir);
  return home;
}

/** Whether the embedded server was ever started on `dataDir`; makes nothing. */
export const hasDatabase = (dataDir: string): Promise<boolean> =>
  stat(join(dataDir, NAME, 'cluster', 'PG_VERSION')).then(
    () => true,
    // One that may not be looked at is there.
    ({ code }: NodeJS.ErrnoException) => code !== 'ENOENT' && code !== 'ENOTDIR',
  );

/** Where `dataDir` keeps its database if not in itself. */
const elsewhere = (dataDir: string): Promise<string | null> =>
  readlink(join(dataDir, NAME)).then(
    (target) => resolve(dataDir, target),
    () => null,
  );

/** Removes the database of a data folder that is to be removed itself, where it is kept elsewhere. */
export async function removeElsewhere(dataDir: string, systemDir = SYSTEM_DIR): Promise<void> {
  const dir = await elsewhere(dataDir);
  // Whatever else a link points to is not ours to remove.
  if (dir !== null && dirname(dir) === systemDir) await rm(dir, { recursive: true, force: true });
}

async function homeOfAccount(
  account: Account,
  { real, inside, systemDir }: { real: string; inside: string; systemDir: string },
  log: Log,
): Promise<string> {
  if (await mayEnter(dirname(real), account)) {
    // Search without list: the folder's own content stays closed, each entry has its own 0700.
    if (!(await mayEnter(real, account))) await chmod(real, ((await stat(real)).mode & 0o7777) | 0o001);
    return inside;
  }
  // Of two services that start at once the quicker one names the place.
  await symlink(join(systemDir, randomUUID()), inside).catch(() => undefined);
  const dir = await elsewhere(real);
  if (dir === null)
    throw setupError(
      `the database in ${inside} cannot be reached by the user it runs as (uid ${account.uid}); move the data folder to a place that others may enter`,
    );
  log.warn('The data folder lies under a folder closed to other users; the database is kept elsewhere', {
    dataDir: real,
    database: dir,
    uid: account.uid,
  });
  return dir;
}

/** To pass through, whatever our umask: each database in it has its own 0700. */
async function openToAll(systemDir: string): Promise<void> {
  try {
    await mkdir(systemDir, { recursive: true });
    await chmod(systemDir, 0o711);
  } catch (cause) {
    throw setupError(
      `started as root under a folder closed to other users, and ${systemDir} cannot be made; choose a data folder that others may enter`,
      cause,
    );
  }
}

/** `<dir>/run`, or a folder of the system's temporary folder where that path is too long for a Unix socket. */
export function socketFolder(dir: string): string {
  const near = join(dir, 'run');
  return fits(near) ? near : join(tmpdir(), `raunet-${shortHash(dir)}`);
}

const fits = (folder: string) => Buffer.byteLength(join(folder, SOCKET_NAME)) <= MAX_SOCKET_PATH;

/** Makes `dir` with mode 0700 for `account`. Refuses what somebody else has put there (the temporary folder is open to all). */
async function ownFolder(dir: string, account: Account | null): Promise<void> {
  try {
    await mkdir(dir, { mode: 0o700 });
    if (account) await chown(dir, account.uid, account.gid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw setupError(`the folder ${dir} cannot be made`, error);
    let found = await lstat(dir);
    const owner = account?.uid ?? process.getuid?.();
    // Made by another service of root's a moment ago, and not handed over yet.
    if (account && found.isDirectory() && found.uid === 0) {
      await chown(dir, account.uid, account.gid);
      found = await lstat(dir);
    }
    if (!found.isDirectory() || found.uid !== owner)
      throw setupError(
        `${dir} belongs to another user (uid ${found.uid}, needed ${owner}); start the service as the user it was first started as`,
      );
    await chmod(dir, 0o700);
  }
}

/** Gives a folder `<...>-<pid>.part` its name once it is whole; where another service was quicker, theirs stays. */
export async function renameNew(unfinished: string, dir: string): Promise<void> {
  await rename(unfinished, dir).catch(async (error: NodeJS.ErrnoException) => {
    await rm(unfinished, { recursive: true, force: true });
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
}

/** Removes what a service that died left unfinished. */
async function sweepParts(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    const maker = /-(\d+)\.part$/.exec(name)?.[1];
    if (maker && (!isAlive(Number(maker)) || Number(maker) === process.pid))
      await rm(join(dir, name), { recursive: true, force: true });
  }
}

export const setupError = (detail: string, cause?: unknown): RaunetError =>
  new RaunetError('RAUNET_DATABASE_SETUP', { detail }, { cause });

const shortHash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 12);

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

import { createHash } from 'node:crypto';
import { access, chmod, chown, lstat, mkdir, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
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

/**
 * The folder of the embedded server: `<dataDir>/postgres`. Started as root under a folder that other users cannot
 * enter (a checkout in /root), PostgreSQL could not reach it; then `<systemDir>/<hash of dataDir>`, and the log says so.
 * An existing database is used where it is. Throws RAUNET_DATABASE_SETUP.
 */
export async function prepareHome(dataDir: string, log: Log, systemDir = '/var/lib/raunet'): Promise<Home> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const real = await realpath(dataDir);
  const inside = join(real, 'postgres');
  const outside = join(systemDir, shortHash(real));
  const account = await databaseAccount([inside, outside, real]);
  if (account === undefined)
    throw setupError(
      'PostgreSQL refuses to run as root, and there is no user `raunet` or `nobody` to run it as',
    );

  const dir = account ? await homeOfAccount(account, { real, inside, outside }, log) : inside;
  const home: Home = {
    dir,
    cluster: join(dir, 'cluster'),
    socketDir: socketFolder(dir),
    logFile: join(dir, 'postgres.log'),
    account,
  };
  await ownFolder(dir, account);
  await ownFolder(home.socketDir, account);
  await sweepParts(dir);
  return home;
}

async function homeOfAccount(
  account: Account,
  { real, inside, outside }: { real: string; inside: string; outside: string },
  log: Log,
): Promise<string> {
  if (await exists(join(outside, 'cluster'))) return outside;
  if (await mayEnter(dirname(real), account)) {
    // Search without list: the folder's own content stays closed, each entry has its own 0700.
    if (!(await mayEnter(real, account))) await chmod(real, ((await stat(real)).mode & 0o7777) | 0o001);
    return inside;
  }
  if (await exists(join(inside, 'cluster')))
    throw setupError(
      `the database in ${inside} cannot be reached by the user it runs as (uid ${account.uid}); move the data folder to a place that others may enter`,
    );
  try {
    await mkdir(dirname(outside), { recursive: true, mode: 0o711 });
  } catch (cause) {
    throw setupError(
      `started as root, the data folder ${real} lies under a folder closed to other users, and ${dirname(outside)} cannot be made; choose a data folder that others may enter`,
      cause,
    );
  }
  log.warn('The data folder lies under a folder closed to other users; the database is kept elsewhere', {
    dataDir: real,
    database: outside,
    uid: account.uid,
  });
  return outside;
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

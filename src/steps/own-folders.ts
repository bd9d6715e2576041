import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pool } from 'pg';
import type { Db } from '../jobs/pool';
import { RaunetError } from '../lib/errors';
import { receivedFiles, resultFiles } from '../records/files';
import { knownInstallationId, markFolder, marksFolders, rememberMarks } from './installation';

/*
 * `spool` and `results` may be mounted by themselves, and one that is not mounted looks like one that lost every file.
 * So each has an install.json of its own, and the data folder's says that they have.
 */
const FOLDERS: readonly [name: string, onRecord: (db: Db) => Promise<string[]>][] = [
  ['spool', receivedFiles],
  ['results', resultFiles],
];

/** Throws RAUNET_FOLDER_FOREIGN where one is not mounted. */
export async function checkFolders(dataDir: string, installId: string): Promise<void> {
  for (const [name] of FOLDERS) {
    const folder = join(dataDir, name);
    const id = await knownInstallationId(folder);
    if (id === installId) continue;
    const why = id === null ? 'has no install.json' : `is of installation ${id}, this is ${installId}`;
    throw new RaunetError('RAUNET_FOLDER_FOREIGN', { stage: 'spool', detail: `${folder} ${why}` });
  }
}

/** Likewise, of an installation that has marked them: to be asked before anything is made or removed in them. */
export async function checkMarkedFolders(dataDir: string, installId: string): Promise<void> {
  if (await marksFolders(dataDir)) await checkFolders(dataDir, installId);
}

/**
 * Marks the folders of an installation that has not: a new one, or an older version's, which is known by a file on record.
 * `isRebuilt`: also those of another installation, where nothing is on record: the disk with the embedded database was lost,
 * and the records are made anew from a spool that was not. Throws RAUNET_FOLDER_FOREIGN.
 */
export async function claimFolders(
  pool: Pool,
  dataDir: string,
  installId: string,
  isRebuilt: boolean,
): Promise<void> {
  const known = await marksFolders(dataDir);
  for (const [name, onRecord] of known ? [] : FOLDERS) {
    const folder = join(dataDir, name);
    const files = await onRecord(pool);
    const isNobodys = (await knownInstallationId(folder)) === null;
    const isOurs = files.length === 0 ? isNobodys || isRebuilt : isNobodys && (await holdsOne(folder, files));
    if (isOurs) await markFolder(folder, installId);
  }
  await checkFolders(dataDir, installId);
  if (!known) await rememberMarks(dataDir, installId);
}

async function holdsOne(folder: string, files: readonly string[]): Promise<boolean> {
  for (const file of files)
    if (
      await access(join(folder, file)).then(
        () => true,
        () => false,
      )
    )
      return true;
  return false;
}

import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pool } from 'pg';
import type { Db } from '../jobs/pool';
import { RaunetError } from '../lib/errors';
import { receivedFiles, resultFiles } from '../records/files';
import type { Spool } from '../spool/spool';
import { installationId, knownInstallationId } from './producer';

/**
 * `spool` and `results` may be mounted by themselves, and one that is not mounted looks like one that lost every file.
 * So each has an install.json of its own, made where it is first used, or by an older version was. Throws RAUNET_FOLDER_FOREIGN.
 */
export async function claimFolders(pool: Pool, spool: Spool, installId: string): Promise<void> {
  const claim = async (folder: string, onRecord: (db: Db) => Promise<string[]>): Promise<void> => {
    const marked = (await knownInstallationId(folder)) !== null;
    if (!marked && (await holds(folder, await onRecord(pool)))) await installationId(folder, installId);
    await checkFolder(folder, installId);
  };
  await claim(spool.path('.'), receivedFiles);
  await claim(spool.resultPath('.'), resultFiles);
}

/** Throws RAUNET_FOLDER_FOREIGN. */
export async function checkFolder(folder: string, installId: string): Promise<void> {
  const id = await knownInstallationId(folder);
  if (id === installId) return;
  const why = id === null ? 'has no install.json' : `is of installation ${id}, this is ${installId}`;
  throw new RaunetError('RAUNET_FOLDER_FOREIGN', { stage: 'spool', detail: `${folder} ${why}` });
}

/** One of `files`, or nothing where there is none to hold. */
async function holds(folder: string, files: readonly string[]): Promise<boolean> {
  for (const file of files)
    if (
      await access(join(folder, file)).then(
        () => true,
        () => false,
      )
    )
      return true;
  return files.length === 0;
}

import { randomUUID } from 'node:crypto';
import { readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createFolder,
  linked,
  replaceFile,
  spoolError,
  syncFolder,
  syncNames,
  writePart,
} from '../spool/durable';

const NAME = 'install.json';

/**
 * Stable identity of this installation: made once, kept in the data folder (DeviceSerialNumber of the results), the same
 * for all services on one data folder. A file without one (what a power cut leaves of a write nobody synced) is replaced.
 * Throws RAUNET_SPOOL_WRITE.
 */
export const installationId = (dataDir: string): Promise<string> =>
  readOrMake(dataDir).catch((cause: unknown) => {
    throw spoolError(cause);
  });

async function readOrMake(dataDir: string): Promise<string> {
  const file = join(dataDir, NAME);
  const known = idIn(await read(file));
  if (known) return known;
  await syncNames(dataDir, await createFolder(dataDir));
  const part = `${file}.${randomUUID()}.part`;
  try {
    await writePart(part, Buffer.from(JSON.stringify({ installId: randomUUID() })));
    if (known === '') await unlink(file).catch(unless('ENOENT'));
    // Where another service was quicker, its identity stays.
    await linked(part, file);
    await syncFolder(dataDir);
  } finally {
    await unlink(part).catch(unless('ENOENT'));
  }
  return idIn(await read(file))!;
}

/** Null where the data folder has none yet. */
export const knownInstallationId = async (dataDir: string): Promise<string | null> =>
  idIn(await read(join(dataDir, NAME))) || null;

/** Says that the folder, `spool` or `results`, is of this installation, whatever it said before. */
export const markFolder = (folder: string, installId: string): Promise<void> =>
  replaceFile(join(folder, NAME), JSON.stringify({ installId }));

/** Whether `spool` and `results` have been marked. */
export const marksFolders = async (dataDir: string): Promise<boolean> =>
  /"marksFolders": *true/.test((await read(join(dataDir, NAME))) ?? '');

export const rememberMarks = (dataDir: string, installId: string): Promise<void> =>
  replaceFile(join(dataDir, NAME), JSON.stringify({ installId, marksFolders: true }));

const read = (file: string): Promise<string | undefined> => readFile(file, 'utf8').catch(unless('ENOENT'));

/** Empty where the file says nothing; undefined where it is not there. */
const idIn = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : (/"installId": *"([^"]+)"/.exec(text)?.[1] ?? '');

const unless =
  (code: string) =>
  (error: NodeJS.ErrnoException): undefined => {
    if (error.code !== code) throw error;
  };

import { access, readdir, rename, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { InstanceSpool, StoredInstance } from '../association/types';
import { RaunetError } from '../lib/errors';
import type { Log } from '../lib/log';
import { isUid } from '../lib/uid';
import { createFolder, durableFolders, spoolError, syncFolder, syncNames } from './durable';
import { freeBytesBelow } from './free-space';
import { PartFile } from './incoming-file';
import { inspectFile, verifyInstance, verifyResult } from './inspect';
import { type ResultFile, writeResult } from './results';

const PART = /\.part$/;
const isInstance = (name: string): boolean => name.endsWith('.dcm');

export interface Spool extends InstanceSpool {
  /** Absolute path of a file that is named relative to the spool folder. */
  path(file: string): string;
  /** The same for the results folder. */
  resultPath(file: string): string;
  storeResult(result: ResultFile): Promise<{ file: string; sha256: string }>;
  /** Throws RAUNET_SPOOL_MISSING or RAUNET_SPOOL_ALTERED. */
  verify(file: string, sha256: string): Promise<void>;
  /** A file that is no longer what was acknowledged leaves its name to one that is: `<file>.altered`, until retention. */
  setAside(file: string): Promise<void>;
  /** Removes a received file that is not to be kept, and its folders where they are empty then. */
  discard(file: string): Promise<void>;
  /** Throws RAUNET_RESULT_MISSING. */
  verifyResult(file: string, sha256: string): Promise<void>;
  /**
   * Every received file, relative to the spool folder, for the comparison with the database. A folder that cannot be
   * read is logged and left out.
   */
  list(): AsyncGenerator<string>;
  /** False only where it certainly is not there: what may not be looked at is not gone. */
  exists(file: string): Promise<boolean>;
  /** What a file of `list` is: enough to record it again. Reads it whole, for its sha256. */
  inspect(file: string): Promise<StoredInstance>;
  /** Retention: erases what was received of a series and what was made of it. Throws RAUNET_SPOOL_WRITE. */
  removeSeries(series: { studyUid: string; seriesUid: string }): Promise<void>;
  /** Bytes that the service may still write, where the least is free. */
  freeBytes(): Promise<number>;
}

export interface SpoolDeps {
  dataDir: string;
  log: Log;
  check?: () => Promise<void>;
}

/**
 * The files of the service, under `dataDir`: `spool/incoming/*.part`, `spool/<study>/<series>/<sop>.dcm`,
 * `results/incoming/*.part`, `results/<source series>/<sop>.dcm`; the two may lie on file systems of their own. Folders
 * 0700, files 0600. Creates what is missing. `check` is asked before a folder of a series is made: it throws where one of
 * the two is not mounted. Throws RAUNET_SPOOL_WRITE.
 */
export async function openSpool({ dataDir, log, check = async () => {} }: SpoolDeps): Promise<Spool> {
  const root = join(dataDir, 'spool');
  const incoming = join(root, 'incoming');
  const series = durableFolders(root, check);
  const results = durableFolders(join(dataDir, 'results'), check);
  const unfinishedResults = join(results.root, 'incoming');
  try {
    const first = await createFolder(dataDir);
    for (const folder of [root, incoming, results.root, unfinishedResults]) await createFolder(folder);
    await syncFolder(root);
    await syncFolder(dataDir);
    await syncNames(dataDir, first);
  } catch (cause) {
    throw spoolError(cause);
  }

  /** Of the names in a folder those that are ours: a file system of its own has a `lost+found` that nobody may read. */
  const listed = (folder: string, isOurs: (name: string) => boolean): Promise<string[]> =>
    entries(folder).then(
      (names) => names.filter(isOurs),
      (error: unknown) => {
        log.error('a folder of the spool is not compared with the records', { stage: 'spool', error });
        return [];
      },
    );

  /** Fails, as it should, while others are in it. */
  const removeEmpty = (...names: string[]): Promise<void> =>
    rmdir(join(root, ...names)).then(
      () => series.forget(...names),
      () => {},
    );

  return {
    path: (file) => join(root, file),
    resultPath: (file) => join(results.root, file),
    receive: (meta) => new PartFile({ incoming, series }, meta),
    storeResult: (result) => writeResult(results, unfinishedResults, result),
    verify: (file, sha256) => verifyInstance(root, file, sha256),
    async setAside(file) {
      const path = join(root, file);
      await rename(path, `${path}.altered`);
      await syncFolder(dirname(path));
    },
    async discard(file) {
      await unlink(join(root, file));
      const [studyUid = '', seriesUid = ''] = file.split('/');
      await removeEmpty(studyUid, seriesUid);
      await removeEmpty(studyUid);
    },
    verifyResult: (file, sha256) => verifyResult(results.root, file, sha256),
    inspect: (file) => inspectFile(root, file),

    async *list() {
      for (const studyUid of await listed(root, isUid))
        for (const seriesUid of await listed(join(root, studyUid), isUid))
          for (const name of await listed(join(root, studyUid, seriesUid), isInstance))
            yield `${studyUid}/${seriesUid}/${name}`;
    },
    exists: (file) =>
      access(join(root, file)).then(
        () => true,
        (error: NodeJS.ErrnoException) => !isAbsent(error),
      ),

    async sweep(olderThanSeconds) {
      const limit = Date.now() - olderThanSeconds * 1000;
      for (const folder of [incoming, unfinishedResults])
        for (const name of await entries(folder)) {
          if (!PART.test(name)) continue;
          const path = join(folder, name);
          const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
          if (mtimeMs > limit) continue;
          await unlink(path);
          log.warn('what a broken transfer left was removed', { stage: 'spool', file: name });
        }
    },

    async removeSeries({ studyUid, seriesUid }) {
      try {
        for (const folder of [join(root, studyUid, seriesUid), join(results.root, seriesUid)])
          await rm(folder, { recursive: true, force: true });
      } catch (cause) {
        throw spoolError(cause, { seriesUid });
      }
      series.forget(studyUid, seriesUid);
      results.forget(seriesUid);
      await removeEmpty(studyUid);
    },

    freeBytes: () => freeBytesBelow(dataDir),
  };
}

const isAbsent = ({ code }: NodeJS.ErrnoException): boolean => code === 'ENOENT' || code === 'ENOTDIR';

/** A folder that is not there, or no folder, has none. Throws RAUNET_SPOOL_READ. */
async function entries(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    const error = cause as NodeJS.ErrnoException;
    if (isAbsent(error)) return [];
    throw new RaunetError(
      'RAUNET_SPOOL_READ',
      { stage: 'spool', detail: `${folder}: ${error.code}` },
      { cause },
    );
  }
}

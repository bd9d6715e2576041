import { link, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoredInstance } from '../association/types';
import { type DurableFolders, syncFolder } from './durable';
import { haveSameDataSet, inspectFile } from './inspect';

/**
 * Gives a complete, synced part its final name `<study>/<series>/<sop>.dcm`. The name is made by link, not rename:
 * rename would overwrite what another association, or another machine on a shared spool, has put there meanwhile.
 * A name that is taken by the same data set is a duplicate; by another one, this file is kept beside it as
 * `<sop>.<first 8 of sha256>.dcm`. In each case file and name are durable when this resolves.
 */
export async function publish(
  series: DurableFolders,
  part: string,
  instance: StoredInstance,
): Promise<StoredInstance & { duplicate: boolean }> {
  const { studyUid, seriesUid, sopInstanceUid, sha256 } = instance;
  const names = [`${sopInstanceUid}.dcm`, `${sopInstanceUid}.${sha256.slice(0, 8)}.dcm`];
  for (const [index, name] of names.entries()) {
    const conflicting = index > 0;
    const file = `${studyUid}/${seriesUid}/${name}`;
    const { folder, taken } = await linkInto(series, [studyUid, seriesUid], part, name);
    if (!taken) {
      await syncFolder(folder);
      return { ...instance, file, conflicting, duplicate: false };
    }
    if (await haveSameDataSet(part, join(folder, name))) {
      await syncAgain(folder, name);
      const existing = await inspectFile(series.root, file);
      return { ...instance, ...existing, file, conflicting, duplicate: true };
    }
  }
  throw new Error(`other bytes under the name ${names[1]}`);
}

/** Retention may remove an empty folder at any moment: then it is made again. */
async function linkInto(series: DurableFolders, place: [string, string], part: string, name: string) {
  for (let attempt = 1; ; attempt++) {
    const folder = await series.open(...place);
    try {
      await link(part, join(folder, name));
      return { folder, taken: false };
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException;
      if (code === 'EEXIST') return { folder, taken: true };
      if (code !== 'ENOENT' || attempt === 3) throw thrown;
      series.forget(...place);
    }
  }
}

/** What stands there may have been left by an attempt that failed before it was durable. */
async function syncAgain(folder: string, name: string): Promise<void> {
  const handle = await open(join(folder, name), 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  await syncFolder(folder);
}

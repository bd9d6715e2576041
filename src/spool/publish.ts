import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoredInstance } from '../association/types';
import { type DurableFolders, type Folder, linked } from './durable';
import { haveSameDataSet, inspectFile } from './inspect';

export interface Part {
  path: string;
  /** Resolves to its sha256 when its bytes are durable. */
  synced: Promise<string>;
}

/** What is known of a part. */
type Incoming = Omit<StoredInstance, 'file' | 'sha256' | 'conflicting'>;

type Published = StoredInstance & { duplicate: boolean };

/**
 * Gives a complete part its final name `<study>/<series>/<sop>.dcm`, once its bytes are durable, and makes the name
 * durable. The name is made by link, not rename: rename would overwrite what another association, or another machine
 * on a shared spool, has put there meanwhile. A name that is taken by the same data set is a duplicate; by another
 * one, this file is kept beside it as `<sop>.<first 8 of sha256>.dcm`.
 */
export async function publish(series: DurableFolders, part: Part, instance: Incoming): Promise<Published> {
  const { studyUid, seriesUid } = instance;
  for (let attempt = 1; ; attempt++) {
    let folder: Folder | undefined;
    try {
      folder = await series.open(studyUid, seriesUid);
      const sha256 = await part.synced;
      return await publishIn(folder, series.root, part.path, { ...instance, sha256 });
    } catch (thrown) {
      // Retention may remove an empty folder at any moment: then it is made again.
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === 3) throw thrown;
      series.forget(studyUid, seriesUid);
    } finally {
      await folder?.close();
    }
  }
}

async function publishIn(
  folder: Folder,
  root: string,
  part: string,
  instance: Incoming & { sha256: string },
): Promise<Published> {
  const { studyUid, seriesUid, sopInstanceUid, sha256 } = instance;
  const names = [`${sopInstanceUid}.dcm`, `${sopInstanceUid}.${sha256.slice(0, 8)}.dcm`];
  for (const [index, name] of names.entries()) {
    const conflicting = index > 0;
    const file = `${studyUid}/${seriesUid}/${name}`;
    const path = join(folder.path, name);
    if (await linked(part, path)) {
      await folder.sync();
      return { ...instance, file, conflicting, duplicate: false };
    }
    if (await haveSameDataSet(part, path)) {
      // It may have been left by an attempt that failed before it was durable.
      await syncFile(path);
      await folder.sync();
      return { ...(await inspectFile(root, file)), conflicting, duplicate: true };
    }
  }
  throw new Error(`other bytes under the name ${names[1]}`);
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

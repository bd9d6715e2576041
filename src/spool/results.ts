import { randomUUID } from 'node:crypto';
import { open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type DurableFolders, FILE_MODE, spoolError, writeAll } from './durable';
import { sha256Of } from './inspect';

export interface ResultFile {
  sourceSeriesUid: string;
  sopInstanceUid: string;
  /** A whole Part 10 file. */
  bytes: Buffer;
}

/**
 * Writes a result durably as `<results>/<source series>/<sop>.dcm`; one that stands there under the same UID is
 * replaced as a whole. Returns the file relative to the results folder. Throws RAUNET_SPOOL_WRITE.
 */
export async function writeResult(
  folders: DurableFolders,
  incoming: string,
  { sourceSeriesUid, sopInstanceUid, bytes }: ResultFile,
): Promise<{ file: string; sha256: string }> {
  const part = join(incoming, `${randomUUID()}.part`);
  try {
    const handle = await open(part, 'wx', FILE_MODE);
    try {
      await writeAll(handle, [bytes]);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // Read back in pieces: a hash over the whole would hold up the event loop for as long as it takes.
    const sha256 = await sha256Of(part);
    const folder = await folders.open(sourceSeriesUid);
    const name = `${sopInstanceUid}.dcm`;
    try {
      await rename(part, join(folder.path, name));
      await folder.sync();
    } finally {
      await folder.close();
    }
    return { file: `${sourceSeriesUid}/${name}`, sha256 };
  } catch (cause) {
    await unlink(part).catch(() => {});
    throw spoolError(cause, { seriesUid: sourceSeriesUid, sopInstanceUid });
  }
}

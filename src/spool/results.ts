import { randomUUID } from 'node:crypto';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type DurableFolders, linked, spoolError, writePart } from './durable';
import { sha256Of } from './inspect';

export interface ResultFile {
  sourceSeriesUid: string;
  sopInstanceUid: string;
  /** A whole Part 10 file. */
  bytes: Buffer;
}

/**
 * Writes a result durably as `<results>/<source series>/<sop>.dcm`. What stands there under the same UID stays, and is
 * what counts: it may have left the house before its record was lost, and a UID never stands for two. Returns the file
 * relative to the results folder. Throws RAUNET_SPOOL_WRITE.
 */
export async function writeResult(
  folders: DurableFolders,
  incoming: string,
  { sourceSeriesUid, sopInstanceUid, bytes }: ResultFile,
): Promise<{ file: string; sha256: string }> {
  const part = join(incoming, `${randomUUID()}.part`);
  try {
    await writePart(part, bytes);
    const folder = await folders.open(sourceSeriesUid);
    const name = `${sopInstanceUid}.dcm`;
    const path = join(folder.path, name);
    try {
      await linked(part, path);
      await folder.sync();
    } finally {
      await folder.close();
    }
    // Read back in pieces: a hash over the whole would hold up the event loop for as long as it takes.
    return { file: `${sourceSeriesUid}/${name}`, sha256: await sha256Of(path) };
  } catch (cause) {
    throw spoolError(cause, { seriesUid: sourceSeriesUid, sopInstanceUid });
  } finally {
    await unlink(part).catch(() => {});
  }
}

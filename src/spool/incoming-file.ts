import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { IncomingFile, StoredInstance } from '../association/types';
import { type DurableFolders, FILE_MODE, spoolError, writeAll } from './durable';
import { encodeFileMeta, type FileMeta } from './part10';
import { publish } from './publish';

/** Bytes gathered for one write: a data set comes in pieces of 16 to 128 KiB. */
const WRITE_SIZE = 256 * 1024;

export interface SpoolFolders {
  incoming: string;
  /** <spool>/<study>/<series> */
  series: DurableFolders;
}

/** Opens `<incoming>/<random>.part` and writes preamble and group 2; the data set follows as it comes, unaltered. */
export async function openIncomingFile(folders: SpoolFolders, meta: FileMeta): Promise<IncomingFile> {
  const { sopInstanceUid } = meta;
  const part = join(folders.incoming, `${randomUUID()}.part`);
  const hash = createHash('sha256');
  let handle: FileHandle | null;
  let gathered: Buffer[] = [];
  let gatheredBytes = 0;
  let sizeBytes = 0;
  let writing: Promise<void> = Promise.resolve();

  try {
    handle = await open(part, 'wx+', FILE_MODE);
  } catch (cause) {
    throw spoolError(cause, { sopInstanceUid });
  }

  /** Begins to write what was gathered after the write before it is done: one write at a time, in order. */
  const flush = async () => {
    const buffers = gathered;
    gathered = [];
    gatheredBytes = 0;
    await writing;
    if (handle === null || buffers.length === 0) return;
    writing = writeAll(handle, buffers);
    writing.catch(() => {}); // thrown by the next flush
  };
  const flushed = async () => {
    await flush();
    await writing;
  };
  const gather = (bytes: Buffer) => {
    hash.update(bytes);
    gathered.push(bytes);
    gatheredBytes += bytes.length;
    sizeBytes += bytes.length;
  };
  const close = async () => {
    const open = handle;
    handle = null;
    await open?.close();
  };
  gather(encodeFileMeta(meta));

  /** fsync, close, publish under a name that is free, fsync of the folder. */
  const keep = async (studyUid: string, seriesUid: string) => {
    await flushed();
    await handle?.sync();
    await close();
    const stored: StoredInstance = {
      ...meta,
      studyUid,
      seriesUid,
      file: '',
      sha256: hash.digest('hex'),
      sizeBytes,
      conflicting: false,
      receivedAt: new Date(),
    };
    const published = await publish(folders.series, part, stored);
    await unlink(part);
    return published;
  };

  return {
    async write(bytes) {
      gather(bytes);
      if (gatheredBytes < WRITE_SIZE) return;
      try {
        await flush();
      } catch (cause) {
        throw spoolError(cause, { sopInstanceUid });
      }
    },
    async head(length) {
      try {
        await flushed();
        const buffer = Buffer.alloc(Math.min(length, sizeBytes));
        if (handle !== null) await handle.read(buffer, 0, buffer.length, 0);
        return buffer;
      } catch (cause) {
        throw spoolError(cause, { sopInstanceUid });
      }
    },
    async keep({ studyUid, seriesUid }) {
      try {
        return await keep(studyUid, seriesUid);
      } catch (cause) {
        throw spoolError(cause, { seriesUid, sopInstanceUid });
      }
    },
    async discard() {
      await writing.catch(() => {});
      await close().catch(() => {});
      await unlink(part).catch(() => {}); // published, or swept
    },
  };
}

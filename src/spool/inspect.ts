import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { StoredInstance } from '../association/types';
import { RaunetError } from '../lib/errors';
import { readFailure } from '../lib/read-failure';
import { decodeFileMeta } from './part10';

const READ_SIZE = 256 * 1024;

/** Group 2 of our files: nine short elements. */
const META_SIZE = 1024;

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: READ_SIZE }), hash);
  return hash.digest('hex');
}

/**
 * What is known of `root/<study>/<series>/<sop>[.<sha8>].dcm` from its name and its group 2; `receivedAt` is the
 * file's time. Throws RAUNET_SPOOL_MISSING, RAUNET_SPOOL_READ, and RAUNET_SPOOL_ALTERED where it is no file of ours.
 */
export async function inspectFile(root: string, file: string): Promise<StoredInstance> {
  const path = join(root, file);
  const [studyUid = '', seriesUid = '', name = ''] = file.split('/');
  const { size, mtime } = await stat(path).catch((cause: unknown) => {
    throw readFailure(cause, file, 'RAUNET_SPOOL_MISSING', { stage: 'spool', seriesUid }) ?? cause;
  });
  const meta = await withFile(path, async (handle) => decodeFileMeta(await readAt(handle, 0, META_SIZE)));
  if (meta === null)
    throw new RaunetError('RAUNET_SPOOL_ALTERED', { stage: 'spool', seriesUid, detail: file });
  const { dataSetOffset: _, ...known } = meta;
  return {
    ...known,
    studyUid,
    seriesUid,
    file,
    sha256: await sha256Of(path),
    sizeBytes: size,
    conflicting: name !== `${meta.sopInstanceUid}.dcm`,
    receivedAt: mtime,
  };
}

/** Throws RAUNET_SPOOL_MISSING or RAUNET_SPOOL_ALTERED where `root/file` no longer is what was acknowledged, RAUNET_SPOOL_READ. */
export async function verifyInstance(root: string, file: string, sha256: string): Promise<void> {
  const actual = await sha256Of(join(root, file)).catch((cause: unknown) => {
    throw readFailure(cause, file, 'RAUNET_SPOOL_MISSING', { stage: 'spool' }) ?? cause;
  });
  if (actual !== sha256) throw new RaunetError('RAUNET_SPOOL_ALTERED', { stage: 'spool', detail: file });
}

/** Throws RAUNET_RESULT_MISSING where `root/file` no longer is what was made, RAUNET_SPOOL_READ. */
export async function verifyResult(root: string, file: string, sha256: string): Promise<void> {
  const actual = await sha256Of(join(root, file)).catch((cause: unknown) => {
    throw readFailure(cause, file, 'RAUNET_RESULT_MISSING', { stage: 'delivery' }) ?? cause;
  });
  if (actual !== sha256)
    throw new RaunetError('RAUNET_RESULT_MISSING', { stage: 'delivery', detail: `${file} has other bytes` });
}

/**
 * Whether two files of ours hold the same data set in the same transfer syntax. Group 2 does not count: it names the
 * version that wrote it.
 */
export async function haveSameDataSet(onePath: string, otherPath: string): Promise<boolean> {
  return withFile(onePath, (one) =>
    withFile(otherPath, async (other) => {
      const metas = [await readAt(one, 0, META_SIZE), await readAt(other, 0, META_SIZE)].map(decodeFileMeta);
      const [a, b] = metas;
      if (!a || !b || a.transferSyntaxUid !== b.transferSyntaxUid) return false;
      for (let at = 0; ; at += READ_SIZE) {
        const left = await readAt(one, a.dataSetOffset + at, READ_SIZE);
        const right = await readAt(other, b.dataSetOffset + at, READ_SIZE);
        if (!left.equals(right)) return false;
        if (left.length < READ_SIZE) return true;
      }
    }),
  );
}

async function withFile<T>(path: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(path, 'r');
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

/** `length` bytes from `position`, fewer at the end of the file. */
async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled);
    filled += bytesRead;
    if (bytesRead === 0 || filled === length) return buffer.subarray(0, filled);
  }
}

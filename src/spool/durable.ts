import { randomUUID } from 'node:crypto';
import { type FileHandle, link, mkdir, open, rename } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { RaunetError } from '../lib/errors';

const FOLDER_MODE = 0o700;
export const FILE_MODE = 0o600;

/** An open folder. */
export interface Folder {
  path: string;
  /** Makes the names in it durable. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

async function openFolder(path: string): Promise<Folder> {
  // Windows cannot sync a folder; NTFS journals the names by itself.
  if (process.platform === 'win32') return { path, async sync() {}, async close() {} };
  const handle = await open(path, 'r');
  return { path, sync: () => handle.sync(), close: () => handle.close() };
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await openFolder(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Creates `folder`, private, and its parents. Returns the first that was not there; undefined: all were. */
export const createFolder = (folder: string): Promise<string | undefined> =>
  mkdir(folder, { recursive: true, mode: FOLDER_MODE });

/** Makes the name of `folder` durable, and those of its parents down from `first` where they are new. */
export async function syncNames(folder: string, first = folder): Promise<void> {
  for (let path = folder; path.length >= first.length; path = dirname(path))
    await syncFolder(dirname(path)).catch((error: NodeJS.ErrnoException) => {
      // Where we may not look we made nothing: what stands there was an administrator's.
      if (error.code !== 'EACCES') throw error;
    });
}

export interface DurableFolders {
  root: string;
  /** Creates `root/names[0]/names[1]...`, each name durable in its parent, and opens it: to be closed. */
  open(...names: string[]): Promise<Folder>;
  /** To be called when the folder was removed. */
  forget(...names: string[]): void;
}

/**
 * Folders under `root`. Each is made durable once by this process, whoever created it: another one may have done so
 * a moment ago and not have synced it yet. `check` is asked before: it throws where root is not mounted.
 */
export function durableFolders(root: string, check: () => Promise<void>): DurableFolders {
  const ready = new Map<string, Promise<void>>();
  const make = async (folder: string) => {
    await check();
    await createFolder(folder);
    for (let path = folder; path !== root; path = dirname(path)) await syncFolder(dirname(path));
  };
  return {
    root,
    async open(...names) {
      const path = join(root, ...names);
      let making = ready.get(path);
      if (making === undefined) {
        making = make(path);
        ready.set(path, making);
        making.catch(() => ready.delete(path));
      }
      await making;
      return openFolder(path);
    },
    forget(...names) {
      const folder = join(root, ...names);
      for (const path of ready.keys())
        if (path === folder || path.startsWith(folder + sep)) ready.delete(path);
    },
  };
}

/** Writes all of it; a disk that takes only a part of it is full. */
export async function writeAll(handle: FileHandle, buffers: readonly Buffer[]): Promise<void> {
  const length = buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const { bytesWritten } = await handle.writev([...buffers]);
  if (bytesWritten !== length) throw new Error(`ENOSPC: ${bytesWritten} of ${length} bytes written`);
}

/** Gives a part its final name, which `sync` of the folder makes durable. False: the name is taken. */
export async function linked(part: string, path: string): Promise<boolean> {
  try {
    await link(part, path);
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw thrown;
  }
}

/** A new file, its bytes durable; its name is not. */
export async function writePart(part: string, bytes: Buffer): Promise<void> {
  const handle = await open(part, 'wx', FILE_MODE);
  try {
    await writeAll(handle, [bytes]);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a small file durably, in place of what stands there. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const part = `${path}.${randomUUID()}.part`;
  await writePart(part, Buffer.from(text));
  await rename(part, path);
  await syncFolder(dirname(path));
}

/** What the file system said, as RAUNET_SPOOL_WRITE. */
export function spoolError(
  cause: unknown,
  uids: { seriesUid?: string; sopInstanceUid?: string } = {},
): RaunetError {
  if (cause instanceof RaunetError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  return new RaunetError(
    'RAUNET_SPOOL_WRITE',
    { stage: 'spool', detail: code ?? message, ...uids },
    { cause },
  );
}

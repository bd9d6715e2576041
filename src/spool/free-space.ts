import { statfs } from 'node:fs/promises';
import { join } from 'node:path';

/** Below `dataDir`, each of which an administrator may mount by itself: the folders that fill. */
const FILLING = ['.', 'spool', 'results'];

/** Bytes that the service may still write where the least is free. A folder that is not there yet lies on its parent's. */
export async function freeBytesBelow(dataDir: string): Promise<number> {
  const free = await Promise.all(
    FILLING.map(async (name) => {
      try {
        const { bavail, bsize } = await statfs(join(dataDir, name));
        return bavail * bsize;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT' && name !== '.')
          return Number.POSITIVE_INFINITY;
        throw error;
      }
    }),
  );
  return Math.min(...free);
}

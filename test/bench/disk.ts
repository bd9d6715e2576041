import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';

const FILES = 40;

/** Milliseconds to write a slice of 512 KB and sync it and its name: the least that a Success that survives a power cut costs. */
export async function durableWriteMs(folder: string): Promise<number> {
  await mkdir(folder, { recursive: true });
  const bytes = Buffer.alloc(512 * 1024, 1);
  const times: number[] = [];
  for (let k = 0; k < FILES; k += 1) {
    const started = performance.now();
    for (const [path, flags] of [
      [join(folder, String(k)), 'wx'],
      [folder, 'r'],
    ] as const) {
      const handle = await open(path, flags);
      if (flags === 'wx') await handle.writeFile(bytes);
      await handle.sync();
      await handle.close();
    }
    times.push(performance.now() - started);
  }
  return times.sort((a, b) => a - b)[FILES >> 1]!;
}

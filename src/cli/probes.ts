import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { RaunetError } from '../lib/errors';
import { freeBytesBelow } from '../spool/free-space';

// What `raunet doctor` asks the machine.

export interface DataFolderProbe {
  folder: string;
  mode: number;
  /** Write, fsync and close of a small file. */
  durableWriteMs: number;
  /** Where the least is free, should spool or results be mounted by themselves. */
  freeBytes: number;
  /** Clock of its file system against ours; not zero on a share with a clock of its own. */
  skewMs: number;
}

/** Null where the folder is not there: the first start makes it, as the user of the service. Throws what the file system throws. */
export async function probeDataFolder(folder: string): Promise<DataFolderProbe | null> {
  if (!existsSync(folder)) return null;
  const file = join(folder, `.doctor-${process.pid}`);
  const started = performance.now();
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile('raunet doctor');
    await handle.sync();
    const durableWriteMs = performance.now() - started;
    const skewMs = (await handle.stat()).mtimeMs - Date.now();
    return {
      folder,
      mode: (await stat(folder)).mode & 0o777,
      durableWriteMs,
      freeBytes: await freeBytesBelow(folder),
      skewMs,
    };
  } finally {
    await handle.close();
    await rm(file, { force: true });
  }
}

/** Throws RAUNET_LISTEN where the address is not ours, or the port needs rights that we lack. */
export async function isPortFree(host: string, port: number): Promise<boolean> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') return false;
    throw new RaunetError('RAUNET_LISTEN', { detail: `${host}:${port}, ${code}` }, { cause: error });
  } finally {
    server.close();
  }
}

/** What systemd knows of NTP, chrony included; null on a machine without it. */
export async function isClockSynchronised(): Promise<boolean | null> {
  try {
    const { stdout } = await promisify(execFile)('timedatectl', ['show', '-p', 'NTPSynchronized', '--value']);
    const answer = stdout.trim();
    return answer === 'yes' ? true : answer === 'no' ? false : null;
  } catch {
    return null;
  }
}

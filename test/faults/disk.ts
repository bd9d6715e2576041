import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../fixtures/peer-tools';

/** A disk of its own for a data folder: ext4 with its defaults in a file, behind a loop device. */
export interface Disk {
  /** Where it is mounted. */
  folder: string;
  /** The power fails: from this moment on nothing reaches the disk, and what is asked of it fails. */
  cut(): Promise<void>;
  /** After `cut`, with every process on it ended: mounts it anew, which replays its journal. */
  powerOn(): Promise<void>;
  remove(): Promise<void>;
}

const MEGABYTES = 768;
/** linux/fs.h FS_IOC_SHUTDOWN = _IOR('X', 125, __u32); EXT4_GOING_FLAGS_NOLOGFLUSH = 2. */
const SHUTDOWN = `
import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack("I", 2))`;

/** Rejects where the system allows no loop mounts: needs root, CAP_SYS_ADMIN and a loop driver. */
export async function makeDisk(): Promise<Disk> {
  const home = await mkdtemp(join(tmpdir(), 'raunet-disk-'));
  const image = join(home, 'disk.img');
  const folder = join(home, 'mounted');
  const detach: (() => Promise<unknown>)[] = [() => rm(home, { recursive: true, force: true })];
  const remove = async (): Promise<void> => {
    for (const step of detach.splice(0).reverse()) await step();
  };
  try {
    await mkdir(folder);
    // Started as root, the embedded PostgreSQL runs as another user and must reach its folder.
    await chmod(home, 0o711);
    await run('truncate', '-s', `${MEGABYTES}M`, image);
    await run('mkfs.ext4', '-q', '-F', image);
    // Direct: the file behind the device is no second cache.
    const { stdout } = await run('losetup', '--find', '--show', '--direct-io=on', image);
    const device = stdout.trim();
    detach.push(() => run('losetup', '-d', device));
    await run('mount', device, folder);
    detach.push(() => run('umount', folder));
    return {
      folder,
      cut: async () => void (await run('python3', '-c', SHUTDOWN, folder)),
      async powerOn() {
        await run('umount', folder);
        await run('mount', device, folder);
      },
      remove,
    };
  } catch (error) {
    await remove().catch(() => {});
    throw error;
  }
}

/** Null where makeDisk works. */
export function whyNoDisk(): string | null {
  const script = `set -e; d=$(mktemp -d); trap 'rm -rf $d' EXIT; truncate -s 16M $d/i; mkfs.ext4 -q -F $d/i; mkdir $d/m; mount -o loop $d/i $d/m; umount $d/m`;
  const { status, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  return status === 0 ? null : stderr.trim();
}

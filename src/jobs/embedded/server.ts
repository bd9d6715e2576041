import { type ChildProcess, spawn } from 'node:child_process';
import { access, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { Log } from '../../lib/log';
import type { Binaries } from './binaries';
import { type Home, renameNew, setupError } from './home';
import { isAlive, isPostgresOf, readPostmasterPid } from './postmaster-pid';

export const USER = 'raunet';
export const DATABASE = 'postgres';

/** Crash recovery reads the write-ahead log since the last checkpoint: seconds, on a slow disk minutes. */
const READY_SECONDS = 180;
const STOP_SECONDS = 30;
const MAX_LOG_BYTES = 4 * 1024 * 1024;

/**
 * One machine, no network, a few connections. fsync, full_page_writes and synchronous_commit stay at their safe defaults.
 * Terse messages without statements: no values of rows in the log.
 */
const SETTINGS = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '60',
  shared_buffers: '32MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '256MB',
  max_parallel_workers: '0',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
};

export interface Server {
  /** The folder of the socket that it really listens on. */
  socketDir: string;
  /** True where it ran already, left by a service that was killed. */
  adopted: boolean;
}

/** Makes the data folder of the server, once. Throws RAUNET_DATABASE_SETUP, also for another major version. */
export async function initialise(home: Home, binaries: Binaries): Promise<void> {
  const major = binaries.version.split('.')[0]!;
  const found = await readFile(join(home.cluster, 'PG_VERSION'), 'utf8').catch(() => null);
  if (found === null) {
    // In a folder of its own until it is whole: initdb writes PG_VERSION first.
    const unfinished = join(home.dir, `cluster-${process.pid}.part`);
    const options = ['-D', unfinished, '-U', USER, '-k', '--locale=C', '-E', 'UTF8', '-A', 'trust'];
    await runToEnd(home, join(binaries.dir, 'bin', 'initdb'), options);
    await renameNew(unfinished, home.cluster);
    const folder = await open(home.dir);
    await folder.sync().finally(() => folder.close());
  } else if (found.trim() !== major) {
    throw setupError(
      `the database in ${home.cluster} was written by PostgreSQL ${found.trim()}, this version runs ${major}; with the version that wrote it run \`raunet records export FILE\`, move the folder away, then here \`raunet records import FILE\``,
    );
  }
}

/** Adopts the server that runs on the data folder, or starts one, and waits until it answers. Throws RAUNET_DATABASE_SETUP. */
export async function startServer(home: Home, binaries: Binaries, log: Log): Promise<Server> {
  const deadline = Date.now() + READY_SECONDS * 1000;
  let child: ChildProcess | null = null;
  while (Date.now() < deadline) {
    const running = await readPostmasterPid(home.cluster);
    if (running && (await answers(running.socketDir)))
      return { socketDir: running.socketDir, adopted: running.pid !== child?.pid };
    // Alive and silent: it starts, recovers or stops. A process that only took the pid over must not keep us out.
    if (running && isAlive(running.pid) && !(await isPostgresOf(running.pid, home.cluster))) {
      log.warn('Removed the stale postmaster.pid of the database: its process is another program now', {
        pid: running.pid,
      });
      await rm(join(home.cluster, 'postmaster.pid'), { force: true });
    } else if (!running || !isAlive(running.pid)) {
      if (!child) child = await spawnServer(home, binaries);
      else if (child.exitCode !== null || child.signalCode !== null) {
        const tail = await logTail(home);
        // Another service was quicker, or the processes of a killed server have not gone yet.
        if (!/lock file .* already exists|is still in use/.test(tail))
          throw setupError(`PostgreSQL ended at once: ${tail}`);
        child = null;
      }
    }
    await sleep(50);
  }
  throw setupError(`PostgreSQL gave no answer within ${READY_SECONDS} s: ${await logTail(home)}`);
}

/** Fast shutdown of whatever server runs on the data folder; sessions are ended, nothing committed is lost. */
export async function stopServer(home: Home): Promise<void> {
  const running = await readPostmasterPid(home.cluster);
  if (!running || !isAlive(running.pid) || !(await isPostgresOf(running.pid, home.cluster))) return;
  // PostgreSQL, "Shutting Down the Server": SIGINT is fast, SIGQUIT immediate (recovery at the next start).
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    if (isAlive(running.pid)) process.kill(running.pid, signal);
    const deadline = Date.now() + STOP_SECONDS * 1000;
    while (isAlive(running.pid) && Date.now() < deadline) await sleep(20);
    if (!isAlive(running.pid)) return;
  }
}

/** Whether a server accepts sessions at the socket. False while it starts or stops. Throws where the socket is not ours. */
async function answers(socketDir: string): Promise<boolean> {
  if (socketDir === '') return false;
  const client = new Client({
    host: socketDir,
    user: USER,
    database: DATABASE,
    connectionTimeoutMillis: 2000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES')
      throw setupError(`the socket in ${socketDir} belongs to another user`, error);
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Detached: Ctrl-C in a terminal must not stop the database before the service has finished with it. */
async function spawnServer(home: Home, binaries: Binaries): Promise<ChildProcess> {
  const settings = { ...SETTINGS, unix_socket_directories: home.socketDir };
  const options = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  const child = await spawnInHome(home, join(binaries.dir, 'bin', 'postgres'), [
    '-D',
    home.cluster,
    ...options,
  ]);
  child.unref();
  return child;
}

async function runToEnd(home: Home, program: string, options: string[]): Promise<void> {
  const child = await spawnInHome(home, program, options);
  const status = await new Promise((resolve) =>
    child.once('exit', (code, signal) => resolve(code ?? signal)),
  );
  if (status !== 0) throw setupError(`${program} ended with status ${status}: ${await logTail(home)}`);
}

/** Output goes to `home.logFile`; the environment is empty but for the locale, so that no PG* variable of the caller acts. */
async function spawnInHome(home: Home, program: string, options: string[]): Promise<ChildProcess> {
  const size = await stat(home.logFile).then(
    (file) => file.size,
    () => 0,
  );
  if (size > MAX_LOG_BYTES) await rename(home.logFile, `${home.logFile}.1`);
  const output = await open(home.logFile, 'a', 0o600);
  try {
    await access(program);
    const child = spawn(program, options, {
      cwd: home.dir,
      env: { LC_ALL: 'C', PATH: process.env.PATH },
      stdio: ['ignore', output.fd, output.fd],
      detached: true,
      ...(home.account ?? {}),
    });
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    return child;
  } catch (cause) {
    throw setupError(
      `${program} cannot be started (${String(cause)}); the npm package needs glibc, not musl`,
      cause,
    );
  } finally {
    await output.close();
  }
}

/** The last lines that the server wrote, as one clause. */
async function logTail(home: Home): Promise<string> {
  const text = await readFile(home.logFile, 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-4).join(' | ') || `nothing was written to ${home.logFile}`;
}

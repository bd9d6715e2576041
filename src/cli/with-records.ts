import { resolve } from 'node:path';
import type { Pool } from 'pg';
import type { Config } from '../config/schema';
import { type Database, openDatabase } from '../jobs/database';
import { joinEmbedded } from '../jobs/embedded/embedded';
import { hasDatabase } from '../jobs/embedded/home';
import { createPool } from '../jobs/pool';
import { RaunetError, toRaunetError } from '../lib/errors';
import { createLog } from '../lib/log';
import { migrate } from '../records/migrate';

/**
 * Opens the records, brings their tables up to date and hands them to `work`. `beside`: a running service does not
 * matter; otherwise throws RAUNET_DATA_FOLDER_BUSY where one has the embedded database. `make`: a data folder without a
 * database gets one; otherwise throws RAUNET_DATA_FOLDER_EMPTY: it is hardly the one that was meant.
 */
export async function withRecords<T>(
  config: Config,
  work: (pool: Pool) => Promise<T>,
  { beside = false, make = false } = {},
): Promise<T> {
  const log = createLog('warn', process.stderr);
  const dataDir = resolve(config.dataDir);
  if (!make && config.database.url === undefined && !(await hasDatabase(dataDir)))
    throw new RaunetError('RAUNET_DATA_FOLDER_EMPTY', { detail: dataDir });
  const onLost = (error: Error) => log.error('The data folder was taken by another service', { error });
  const database: Database = await openDatabase({ url: config.database.url, dataDir, log, onLost }).catch(
    async (thrown: unknown) => {
      if (!beside || toRaunetError(thrown).code !== 'RAUNET_DATA_FOLDER_BUSY') throw thrown;
      return { connection: await joinEmbedded({ dataDir, log }), stop: () => Promise.resolve() };
    },
  );
  const pool = createPool(database.connection, log);
  try {
    await migrate(pool);
    return await work(pool);
  } finally {
    await pool.end();
    await database.stop();
  }
}

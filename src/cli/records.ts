import { type FileHandle, open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Pool } from 'pg';
import type { Config } from '../config/schema';
import { openDatabase } from '../jobs/database';
import { createPool } from '../jobs/pool';
import { createLog } from '../lib/log';
import { migrate } from '../records/migrate';
import { exportRecords, importRecords } from '../records/transfer';
import { EXIT, type ExitCode } from './exit-codes';

/**
 * Writes everything the database knows to a file, or reads such a file into an empty one: the way to another major
 * version of PostgreSQL, or from the embedded server to one of yours. The service must be stopped.
 */
export async function moveRecords(
  direction: 'export' | 'import',
  file: string,
  config: Config,
  print: (line: string) => void,
): Promise<ExitCode> {
  const exporting = direction === 'export';
  let handle: FileHandle;
  try {
    handle = await open(file, exporting ? 'wx' : 'r', 0o600);
  } catch (error) {
    print(`${file} cannot be ${exporting ? 'written' : 'read'}: ${(error as Error).message}.`);
    return EXIT.failed;
  }
  try {
    const rows = await withRecords(config, (pool) =>
      exporting
        ? exportRecords(pool, (text) => handle.appendFile(text))
        : importRecords(pool, handle.readLines()),
    );
    if (exporting) await handle.sync();
    print(`${rows} records ${exporting ? 'written to' : 'read from'} ${file}.`);
    return EXIT.ok;
  } finally {
    await handle.close();
  }
}

async function withRecords<T>(config: Config, work: (pool: Pool) => Promise<T>): Promise<T> {
  const log = createLog('warn', process.stderr);
  const onLost = (error: Error) => log.error('The data folder was taken by another service', { error });
  const database = await openDatabase({
    url: config.database.url,
    dataDir: resolve(config.dataDir),
    log,
    onLost,
  });
  const pool = createPool(database.connection, log);
  try {
    await migrate(pool);
    return await work(pool);
  } finally {
    await pool.end();
    await database.stop();
  }
}

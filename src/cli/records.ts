import { type FileHandle, open } from 'node:fs/promises';
import type { Config } from '../config/schema';
import { exportRecords, importRecords } from '../records/transfer';
import { EXIT, type ExitCode } from './exit-codes';
import { withRecords } from './with-records';

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

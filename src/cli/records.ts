import { existsSync } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import type { Config } from '../config/schema';
import { exportRecords, importRecords } from '../records/transfer';
import { EXIT, type ExitCode } from './exit-codes';
import { withRecords } from './with-records';
import { whyNot, WrongPath } from './wrong-path';

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
  if (exporting && existsSync(file)) {
    print(`${file} is there already: name a new file.`);
    return EXIT.failed;
  }
  // The name is given when all is written: a file that is there is whole.
  const path = exporting ? `${file}.${process.pid}.part` : file;
  let handle: FileHandle;
  try {
    if (!exporting && (await stat(path)).isDirectory()) throw new WrongPath('it is a folder, not a file');
    handle = await open(path, exporting ? 'wx' : 'r', 0o600);
  } catch (error) {
    print(`${file} cannot be ${exporting ? 'written' : 'read'}: ${whyNot(error)}.`);
    return EXIT.failed;
  }
  try {
    const rows = await withRecords(
      config,
      (pool) =>
        exporting
          ? exportRecords(pool, (text) => handle.appendFile(text))
          : importRecords(pool, linesOf(handle)),
      { make: !exporting },
    );
    if (exporting) {
      await handle.sync();
      await rename(path, file);
    }
    print(`${rows} records ${exporting ? 'written to' : 'read from'} ${file}.`);
    return EXIT.ok;
  } finally {
    await handle.close();
    if (exporting) await rm(path, { force: true });
  }
}

/** Read when they are asked for: `readLines` begins at once, and what it reads before anybody listens is lost. */
async function* linesOf(handle: FileHandle): AsyncGenerator<string> {
  yield* handle.readLines();
}

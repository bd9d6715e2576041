import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type ClientConfig } from 'pg';
import { RaunetError } from '../../lib/errors';

/** Any constant: the one advisory lock of this kind in the embedded database. */
const DATA_FOLDER_LOCK = 20_200_411;
/** The session of a service that was just killed needs a moment to end. */
const PATIENCE_MS = 3000;

/** A session that holds the data folder; PostgreSQL frees it when the process dies, however it dies. */
export interface DataFolderLock {
  /** Settles when the session ends without `release`. */
  lost: Promise<void>;
  release(): Promise<void>;
}

/** Throws RAUNET_DATA_FOLDER_BUSY where another service holds it. */
export async function lockDataFolder(connection: ClientConfig, dataDir: string): Promise<DataFolderLock> {
  const client = new Client({ ...connection, application_name: 'raunet data folder lock' });
  const lost = new Promise<void>((resolve) => client.once('end', resolve));
  client.on('error', () => undefined);
  await client.connect();
  for (const deadline = Date.now() + PATIENCE_MS; ; await sleep(100)) {
    const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [
      DATA_FOLDER_LOCK,
    ]);
    if (rows[0]!.locked) return { lost, release: () => client.end() };
    if (Date.now() > deadline) {
      await client.end();
      throw new RaunetError('RAUNET_DATA_FOLDER_BUSY', { detail: dataDir });
    }
  }
}

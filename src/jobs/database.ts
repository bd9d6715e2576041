import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type ClientConfig } from 'pg';
import { RaunetError } from '../lib/errors';
import type { Log } from '../lib/log';
import { type EmbeddedDeps, openEmbedded } from './embedded/embedded';

export interface Database {
  /** For pg and pg-boss. */
  connection: ClientConfig;
  /** Ends the embedded server; nothing to do for one that was given. Idempotent. */
  stop(): Promise<void>;
}

const CONNECT_SECONDS = 60;
/** The oldest that pg-boss 12 runs on. */
const MIN_SERVER_VERSION = 130000;

/**
 * PostgreSQL: the server of `url` (postgres://...), or without it the embedded one in `dataDir`.
 * Throws RAUNET_DATABASE_SETUP, RAUNET_DATA_FOLDER_BUSY, RAUNET_DATABASE.
 */
export async function openDatabase(deps: EmbeddedDeps & { url?: string | undefined }): Promise<Database> {
  if (deps.url === undefined) return openEmbedded(deps);
  const connection = { connectionString: deps.url };
  await waitForServer(connection, deps.log);
  return { connection, stop: () => Promise.resolve() };
}

/** A server that starts together with the service may need a moment. */
async function waitForServer(connection: ClientConfig, log: Log): Promise<void> {
  const deadline = Date.now() + CONNECT_SECONDS * 1000;
  for (let told = false; ; await sleep(500)) {
    const client = new Client({ ...connection, connectionTimeoutMillis: 5000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<{ version: number }>(
        "SELECT current_setting('server_version_num')::int AS version",
      );
      if (rows[0]!.version >= MIN_SERVER_VERSION) return;
      throw new RaunetError('RAUNET_DATABASE_SETUP', {
        detail: `the server of database.url is older than PostgreSQL ${MIN_SERVER_VERSION / 10000}`,
      });
    } catch (cause) {
      if (cause instanceof RaunetError) throw cause;
      // SQLSTATE class 28: wrong user or password; 3D: no such database. Waiting does not help.
      if (/^(28|3D)/.test((cause as { code?: string }).code ?? '') || Date.now() > deadline)
        throw new RaunetError('RAUNET_DATABASE', { detail: (cause as Error).message }, { cause });
      if (!told) log.warn('Waiting for the database server', { error: cause });
      told = true;
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

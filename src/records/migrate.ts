import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { type Tx, transaction } from '../jobs/pool';
import { RaunetError } from '../lib/errors';

export interface Migration {
  version: number;
  name: string;
  sql: string;
  sha256: string;
}

/** Any constant: services that start together on one database wait for each other. */
const MIGRATION_LOCK = 20_200_412;

/** `migrations/NNNN_name.sql` beside this file, in order of their numbers; the build copies them. */
export async function readMigrations(folder = join(__dirname, 'migrations')): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => /^\d{4}_\w+\.sql$/.test(name)).sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(join(folder, name), 'utf8');
      return {
        version: Number(name.slice(0, 4)),
        name,
        sql,
        sha256: createHash('sha256').update(sql).digest('hex'),
      };
    }),
  );
}

/**
 * Brings the tables of schema `raunet` up to date: all missing migrations in one transaction, or none of them.
 * Returns the names of those that ran. Throws RAUNET_SCHEMA where the database is newer than the code, or a
 * migration that ran has other text now; RAUNET_DATABASE.
 */
export async function migrate(pool: Pool, known?: Migration[]): Promise<string[]> {
  const migrations = known ?? (await readMigrations());
  return transaction(pool, async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    await tx.query('CREATE SCHEMA IF NOT EXISTS raunet');
    await tx.query(`CREATE TABLE IF NOT EXISTS raunet.migration (
      version integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
    const applied = await appliedMigrations(tx);
    refuseForeign(applied, migrations);
    const missing = migrations.filter(({ version }) => !applied.has(version));
    for (const { version, name, sql, sha256 } of missing) {
      await tx.query(sql);
      await tx.query('INSERT INTO raunet.migration (version, name, sha256) VALUES ($1, $2, $3)', [
        version,
        name,
        sha256,
      ]);
    }
    return missing.map(({ name }) => name);
  });
}

async function appliedMigrations(tx: Tx): Promise<Map<number, string>> {
  const { rows } = await tx.query<{ version: number; sha256: string }>(
    'SELECT version, sha256 FROM raunet.migration',
  );
  return new Map(rows.map(({ version, sha256 }) => [version, sha256]));
}

function refuseForeign(applied: Map<number, string>, migrations: Migration[]): void {
  for (const [version, sha256] of applied) {
    const ours = migrations.find((migration) => migration.version === version);
    if (!ours)
      throw new RaunetError('RAUNET_SCHEMA', {
        detail: `it has migration ${version}, this version knows ${migrations.length}`,
      });
    if (ours.sha256 !== sha256)
      throw new RaunetError('RAUNET_SCHEMA', { detail: `migration ${ours.name} ran with other text` });
  }
}

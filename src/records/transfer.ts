import type { Pool } from 'pg';
import { type Tx, transaction } from '../jobs/pool';
import { RaunetError } from '../lib/errors';
import { readMigrations } from './migrate';

/** In the order of their references. */
const TABLES = [
  'series',
  'instance',
  'series_event',
  'result',
  'delivery',
  'commitment',
  'commitment_instance',
  'commitment_request',
  'erased_series',
  'admin_token',
  'admin_token_change',
] as const;
const BATCH = 1000;

/**
 * Writes all records as JSON lines: `{"raunet": <schema version>}`, then `{"table", "row"}`, at the end `{"rows": <number>}`. To move to another major
 * version of PostgreSQL; jobs are not written, the reconcile task makes them again. Returns the number of rows.
 */
export async function exportRecords(pool: Pool, write: (text: string) => Promise<void>): Promise<number> {
  return transaction(pool, async (tx) => {
    await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    await write(`${JSON.stringify({ raunet: await schemaVersion() })}\n`);
    let rows = 0;
    for (const table of TABLES) {
      await tx.query(
        `DECLARE export_${table} CURSOR FOR SELECT row_to_json(t) AS row FROM raunet.${table} t`,
      );
      for (;;) {
        const batch = await tx.query<{ row: object }>(`FETCH ${BATCH} FROM export_${table}`);
        if (batch.rows.length === 0) break;
        await write(batch.rows.map(({ row }) => `${JSON.stringify({ table, row })}\n`).join(''));
        rows += batch.rows.length;
      }
    }
    await write(`${JSON.stringify({ rows })}\n`);
    return rows;
  });
}

/** Reads the lines that exportRecords wrote into empty tables, all or nothing. Returns the number of rows. Throws RAUNET_RECORDS_FILE. */
export async function importRecords(pool: Pool, lines: AsyncIterable<string>): Promise<number> {
  return transaction(pool, async (tx) => {
    if ((await tx.query('SELECT FROM raunet.series LIMIT 1')).rowCount !== 0)
      throw unusable('there are records in the database already');
    const version = await schemaVersion();
    let began = false;
    let rows = 0;
    let end: number | undefined;
    for await (const line of lines) {
      const { raunet, table, row, rows: told } = parse(line);
      if (!began && raunet !== version)
        throw unusable(`it is of schema version ${raunet ?? 'none'}, the database of ${version}`);
      if (end !== undefined) throw unusable('it goes on after its end');
      end = told;
      if (began && end === undefined) {
        await insert(tx, table, row);
        rows++;
      }
      began = true;
    }
    if (end !== rows) throw unusable(began ? 'it is cut short' : 'it is empty');
    await tx.query(`SELECT setval(pg_get_serial_sequence('raunet.series_event', 'id'),
      (SELECT coalesce(max(id), 1) FROM raunet.series_event))`);
    return rows;
  });
}

const unusable = (detail: string, cause?: unknown): RaunetError =>
  new RaunetError('RAUNET_RECORDS_FILE', { detail }, { cause });

interface Line {
  raunet?: number;
  table: string;
  row: object;
  rows?: number;
}

function parse(line: string): Line {
  try {
    return JSON.parse(line) as Line;
  } catch (cause) {
    throw unusable('it is no export of records, or is cut short', cause);
  }
}

async function insert(tx: Tx, name: string, row: object): Promise<void> {
  const table = TABLES.find((known) => known === name);
  if (!table) throw unusable(`unknown table ${name}`);
  await tx.query(
    `INSERT INTO raunet.${table} OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_record(NULL::raunet.${table}, $1)`,
    [row],
  );
}

const schemaVersion = async () => (await readMigrations()).at(-1)!.version;

import type { Db } from '../jobs/pool';
import { RaunetError } from '../lib/errors';

/** As claimRecords, but claims nothing: before the first start there is nothing to compare. */
export async function checkRecords(db: Db, installId: string | null): Promise<void> {
  const { rows: tables } = await db.query(
    "SELECT FROM pg_tables WHERE schemaname = 'raunet' AND tablename = 'installation'",
  );
  if (tables.length > 0) await compare(db, installId ?? 'nothing');
}

/**
 * The data folder with this installation id is the one of these records; the first that asks is. Throws
 * RAUNET_DATA_FOLDER_FOREIGN: a share that is not mounted looks like an empty data folder, and every file would be missing.
 */
export async function claimRecords(db: Db, installId: string): Promise<void> {
  await db.query('INSERT INTO raunet.installation (id) VALUES ($1) ON CONFLICT DO NOTHING', [installId]);
  await compare(db, installId);
}

async function compare(db: Db, installId: string): Promise<void> {
  const { rows } = await db.query<{ id: string }>('SELECT id FROM raunet.installation');
  const id = rows[0]?.id ?? installId;
  if (id !== installId)
    throw new RaunetError('RAUNET_DATA_FOLDER_FOREIGN', {
      detail: `install.json says ${installId}, the database ${id}`,
    });
}

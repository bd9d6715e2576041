import { createPool, transaction } from '../../../src/jobs/pool';
import { silentLog } from '../../../src/lib/log';

test('a database that is away is RAUNET_DATABASE, within a transaction and without', async () => {
  const pool = createPool({ host: '127.0.0.1', port: 1, user: 'nobody', database: 'none' }, silentLog);
  const away = { code: 'RAUNET_DATABASE', class: 'transient' };
  await expect(pool.query('SELECT 1')).rejects.toMatchObject(away);
  await expect(transaction(pool, (tx) => tx.query('SELECT 1'))).rejects.toMatchObject(away);
  await pool.end();
});

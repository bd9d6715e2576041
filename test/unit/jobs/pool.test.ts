import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Pool } from 'pg';
import { createPool, transaction } from '../../../src/jobs/pool';
import { silentLog } from '../../../src/lib/log';

/** A server that says it is PostgreSQL and ready, and then nothing more: its host is gone without a word. */
async function vanishingServer(): Promise<{ server: Server; port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const AUTHENTICATION_OK = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0]);
  const READY_FOR_QUERY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.once('data', () => socket.write(Buffer.concat([AUTHENTICATION_OK, READY_FOR_QUERY])));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return { server, port: (server.address() as AddressInfo).port, sockets };
}

let gone: Awaited<ReturnType<typeof vanishingServer>>;
let pool: Pool;
beforeAll(async () => {
  gone = await vanishingServer();
});
afterAll(async () => {
  for (const socket of gone.sockets) socket.destroy();
  await new Promise((closed) => gone.server.close(closed));
});
beforeEach(() => {
  pool = createPool({ host: '127.0.0.1', port: gone.port, user: 'raunet' }, silentLog);
});
afterEach(() => pool.end());

test.each<[string, (query: string) => Promise<unknown>]>([
  ['a query', (query) => pool.query(query)],
  ['a transaction', (query) => transaction(pool, (tx) => tx.query(query))],
])('%s that nobody answers ends with RAUNET_DATABASE, once, and its session with it', async (_, run) => {
  pool.options.query_timeout = 300;
  const began = Date.now();
  await expect(run('SELECT 1')).rejects.toMatchObject({ code: 'RAUNET_DATABASE', class: 'transient' });
  expect(Date.now() - began).toBeLessThan(550);
  expect(pool.totalCount).toBe(0);
});

test('no query is given up that the server still works on; idle sessions notice a host that is gone', () => {
  const { query_timeout, statement_timeout, keepAlive } = pool.options;
  expect(query_timeout).toBeGreaterThan(Number(statement_timeout));
  expect(keepAlive).toBe(true);
});

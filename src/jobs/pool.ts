import { types } from 'node:util';
import { type ClientBase, type ClientConfig, DatabaseError, Pool } from 'pg';
import { RaunetError } from '../lib/errors';
import type { Log } from '../lib/log';

/** A session in a transaction, as `transaction` hands it out. */
export type Tx = ClientBase;

/** Whatever answers a single query: the pool, or a transaction. */
export type Db = Pick<ClientBase, 'query'> | Pick<Pool, 'query'>;

/**
 * Of every session, ms. The server ends a statement; where it does not answer even then its host is gone, and the session is
 * given up: TCP alone would wait for a quarter of an hour.
 */
export const SESSION = {
  connectionTimeoutMillis: 10_000,
  statement_timeout: 120_000,
  query_timeout: 130_000,
  keepAlive: true,
} as const satisfies ClientConfig;

/**
 * Sessions for the service's own tables; a connection that drops while idle is only logged, the next query opens another.
 * `query` throws RAUNET_DATABASE as `transaction` does.
 */
export function createPool(connection: ClientConfig, log: Log): Pool {
  const pool = new Pool({ ...connection, ...SESSION, max: 10, application_name: 'raunet' });
  pool.on('error', (error) => log.warn('A database session ended', { error }));
  const query = pool.query.bind(pool) as (...given: unknown[]) => Promise<unknown>;
  pool.query = ((...given: unknown[]) => query(...given).catch(rethrow)) as typeof pool.query;
  return pool;
}

/**
 * Runs `work` in one transaction: all of it is committed, or none. Throws RAUNET_DATABASE where the connection fails or
 * the database says "not now" (PASSING), any other error of the database or of `work` as it is. A failed commit may have
 * happened, so `work` must be safe to repeat.
 */
export async function transaction<T>(pool: Pool, work: (tx: Tx) => Promise<T>): Promise<T> {
  let broken: Error | undefined;
  const tx = await pool.connect().catch(rethrow);
  // Of a session that was handed out nobody listens: its end between two queries would end the process.
  const onError = (error: Error) => {
    broken = error;
  };
  tx.on('error', onError);
  try {
    await tx.query('BEGIN');
    const result = await work(tx);
    await tx.query('COMMIT');
    return result;
  } catch (error) {
    // Where nobody answers, ROLLBACK would wait as long again: the end of the session is one.
    if (isConnectionError(error)) broken ??= error;
    else
      await tx.query('ROLLBACK').catch((failure: Error) => {
        broken ??= failure;
      });
    return rethrow(error);
  } finally {
    tx.removeListener('error', onError);
    tx.release(broken);
  }
}

/** SQLSTATE classes that say "not now": connection, resources, operator intervention, system error, rollback. */
const PASSING = /^(08|53|57|58|40)/;

/** What a query threw: RAUNET_DATABASE where it may pass, else as it is. */
export function rethrow(error: unknown): never {
  if (error instanceof DatabaseError ? PASSING.test(error.code ?? '') : isConnectionError(error))
    throw new RaunetError('RAUNET_DATABASE', { detail: (error as Error).message }, { cause: error });
  throw error;
}

/** pg throws plain errors where the socket ends or the pool gives up waiting. */
const isConnectionError = (error: unknown): error is Error =>
  types.isNativeError(error) &&
  ('syscall' in error ||
    /^(Connection terminated|Client has encountered|timeout exceeded|Query read timeout)/i.test(
      error.message,
    ));

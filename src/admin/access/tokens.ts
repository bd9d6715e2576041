import type { Log } from '../../lib/log';
import { hashOf } from '../../lib/secret';
import type { TokenRecord } from '../../records/users';
import type { Identity } from './types';

/** So long until a token that was made or revoked elsewhere counts here, ms. */
const REFRESH_MS = 2000;

export interface KnownTokens {
  /** Null: none, expired or revoked. */
  find(secret: string): Identity | null;
  count(): number;
  /** After a change of ours. */
  refresh(): Promise<void>;
  close(): void;
}

/**
 * The tokens in memory, read again every two seconds: who watches the service is answered while the database is down,
 * and wrong tokens do not reach it.
 */
export async function watchTokens(read: () => Promise<TokenRecord[]>, log: Log): Promise<KnownTokens> {
  let byHash = new Map<string, TokenRecord>();
  let failing = false;
  const refresh = async (): Promise<void> => {
    byHash = new Map((await read()).map((token) => [token.sha256, token]));
    failing = false;
  };
  await refresh();
  const timer = setInterval(() => {
    refresh().catch((error: unknown) => {
      if (!failing) log.warn('The tokens cannot be read; those known before still count', { error });
      failing = true;
    });
  }, REFRESH_MS).unref();
  return {
    // A map of hashes: how long the look-up takes tells of the hash, and no secret can be built from that.
    find(secret) {
      const token = byHash.get(hashOf(secret));
      if (token === undefined || (token.expiresAt !== null && token.expiresAt <= new Date())) return null;
      return { name: `token ${token.name}`, role: token.role, tokenName: token.name };
    },
    count: () => byHash.size,
    refresh,
    close: () => clearInterval(timer),
  };
}

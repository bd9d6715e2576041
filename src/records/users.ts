import type { Role } from '../config/admin';
import type { Pool } from 'pg';
import { type Db, transaction } from '../jobs/pool';
import { RaunetError } from '../lib/errors';

/** Without its secret, of which nobody knows more than the hash. */
export interface TokenRecord {
  name: string;
  role: Role;
  sha256: string;
  createdAt: Date;
  /** Null: never. */
  expiresAt: Date | null;
}

export interface SessionRecord {
  /** Who signed in, for the history. */
  name: string;
  role: Role;
  /** The token it was begun with; null: OpenID Connect. */
  tokenName: string | null;
}

/** Who changes a token, for the audit trail. */
export interface Actor {
  name: string;
  /** IP address or host name. */
  address: string;
}

export interface TokenChange {
  at: Date;
  name: string;
  role: Role;
  action: 'created' | 'revoked';
  actor: string;
  address: string;
}

/** All of them, expired ones too, by name. */
export async function listTokens(db: Db): Promise<TokenRecord[]> {
  const { rows } = await db.query(
    `SELECT name, role, sha256, created_at AS "createdAt", expires_at AS "expiresAt"
     FROM raunet.admin_token ORDER BY name`,
  );
  return rows as TokenRecord[];
}

/** With the change that is to be told. Throws RAUNET_TOKEN_NAME where the name is taken. */
export async function addToken(
  db: Db,
  { name, role, sha256, expiresAt }: Omit<TokenRecord, 'createdAt'>,
  by: Actor,
): Promise<void> {
  const { rowCount } = await db.query(
    `WITH made AS (
       INSERT INTO raunet.admin_token (name, role, sha256, expires_at) VALUES ($1, $2, $3, $4)
       ON CONFLICT (name) DO NOTHING RETURNING name, role)
     INSERT INTO raunet.admin_token_change (name, role, action, actor, address)
     SELECT name, role, 'created', $5, $6 FROM made`,
    [name, role, sha256, expiresAt, by.name, by.address],
  );
  if (rowCount === 0) throw new RaunetError('RAUNET_TOKEN_NAME', { detail: `"${name}"` });
}

/** Ends the sessions that were begun with it too, with the change that is to be told. False where there is none of this name. */
export async function removeToken(db: Db, name: string, by: Actor): Promise<boolean> {
  const { rowCount } = await db.query(
    `WITH gone AS (DELETE FROM raunet.admin_token WHERE name = $1 RETURNING name, role)
     INSERT INTO raunet.admin_token_change (name, role, action, actor, address)
     SELECT name, role, 'revoked', $2, $3 FROM gone`,
    [name, by.name, by.address],
  );
  return rowCount === 1;
}

/** Hands over the changes that nobody told of yet, in their order; they are forgotten when `tell` resolves. */
export async function takeTokenChanges(
  pool: Pool,
  tell: (changes: TokenChange[]) => Promise<void>,
): Promise<void> {
  await transaction(pool, async (tx) => {
    const { rows } = await tx.query<TokenChange & { id: string }>(
      `SELECT id, at, name, role, action, actor, address FROM raunet.admin_token_change
       ORDER BY at FOR UPDATE SKIP LOCKED LIMIT 100`,
    );
    if (rows.length === 0) return;
    await tell(rows);
    await tx.query('DELETE FROM raunet.admin_token_change WHERE id = ANY($1)', [rows.map(({ id }) => id)]);
  });
}

/** Removes what has expired on the way. */
export async function addSession(
  db: Db,
  sha256: string,
  { name, role, tokenName }: SessionRecord,
  expiresAt: Date,
): Promise<void> {
  await db.query('DELETE FROM raunet.admin_session WHERE expires_at < now()');
  await db.query(
    'INSERT INTO raunet.admin_session (sha256, name, role, token_name, expires_at) VALUES ($1, $2, $3, $4, $5)',
    [sha256, name, role, tokenName, expiresAt],
  );
}

/** Null where it is unknown, has expired, or its token has. */
export async function findSession(db: Db, sha256: string): Promise<SessionRecord | null> {
  const { rows } = await db.query(
    `SELECT session.name, session.role, token_name AS "tokenName" FROM raunet.admin_session session
     LEFT JOIN raunet.admin_token token ON token.name = token_name
     WHERE session.sha256 = $1 AND session.expires_at > now() AND coalesce(token.expires_at > now(), true)`,
    [sha256],
  );
  return (rows[0] as SessionRecord | undefined) ?? null;
}

export async function removeSession(db: Db, sha256: string): Promise<void> {
  await db.query('DELETE FROM raunet.admin_session WHERE sha256 = $1', [sha256]);
}

/** All of the above on one pool. */
export const userStore = (db: Db) => ({
  tokens: () => listTokens(db),
  addToken: (token: Omit<TokenRecord, 'createdAt'>, by: Actor) => addToken(db, token, by),
  removeToken: (name: string, by: Actor) => removeToken(db, name, by),
  session: (sha256: string) => findSession(db, sha256),
  addSession: (sha256: string, session: SessionRecord, expiresAt: Date) =>
    addSession(db, sha256, session, expiresAt),
  removeSession: (sha256: string) => removeSession(db, sha256),
});

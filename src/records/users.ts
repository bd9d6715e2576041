import type { Role } from '../config/admin';
import type { Db } from '../jobs/pool';
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

/** All of them, expired ones too, by name. */
export async function listTokens(db: Db): Promise<TokenRecord[]> {
  const { rows } = await db.query(
    `SELECT name, role, sha256, created_at AS "createdAt", expires_at AS "expiresAt"
     FROM raunet.admin_token ORDER BY name`,
  );
  return rows as TokenRecord[];
}

/** Throws RAUNET_TOKEN_NAME where the name is taken. */
export async function addToken(
  db: Db,
  { name, role, sha256, expiresAt }: Omit<TokenRecord, 'createdAt'>,
): Promise<void> {
  const { rowCount } = await db.query(
    `INSERT INTO raunet.admin_token (name, role, sha256, expires_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (name) DO NOTHING`,
    [name, role, sha256, expiresAt],
  );
  if (rowCount === 0) throw new RaunetError('RAUNET_TOKEN_NAME', { detail: `"${name}"` });
}

/** Ends the sessions that were begun with it too. False where there is none of this name. */
export async function removeToken(db: Db, name: string): Promise<boolean> {
  const { rowCount } = await db.query('DELETE FROM raunet.admin_token WHERE name = $1', [name]);
  return rowCount === 1;
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
  addToken: (token: Omit<TokenRecord, 'createdAt'>) => addToken(db, token),
  removeToken: (name: string) => removeToken(db, name),
  session: (sha256: string) => findSession(db, sha256),
  addSession: (sha256: string, session: SessionRecord, expiresAt: Date) =>
    addSession(db, sha256, session, expiresAt),
  removeSession: (sha256: string) => removeSession(db, sha256),
});

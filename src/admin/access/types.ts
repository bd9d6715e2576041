import type { Role } from '../../config/admin';
import type { Actor, SessionRecord, TokenRecord } from '../../records/users';

/** Who sent a request. */
export interface Identity {
  /** For history, log and audit, e.g. `anna.berg` or `token prometheus`. */
  name: string;
  role: Role;
  tokenName: string | null;
}

/** Tokens and sessions as the database keeps them; secrets come and go as hashes. */
export interface UserStore {
  tokens(): Promise<TokenRecord[]>;
  /** Throws RAUNET_TOKEN_NAME. */
  addToken(token: Omit<TokenRecord, 'createdAt'>, by: Actor): Promise<void>;
  /** False where there is none of this name. */
  removeToken(name: string, by: Actor): Promise<boolean>;
  session(sha256: string): Promise<SessionRecord | null>;
  addSession(sha256: string, session: SessionRecord, expiresAt: Date): Promise<void>;
  removeSession(sha256: string): Promise<void>;
}

import { z } from 'zod';
import { ROLES } from '../../config/admin';
import { hashOf, newSecret } from '../../lib/secret';
import type { Actor } from '../../records/users';
import type { UserStore } from './types';

const DAY_MS = 86_400_000;

export const newToken = z.strictObject({
  /** Whom it is given to; history and log name it. */
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,31}$/, 'small letters, digits, dots and hyphens, at most 32'),
  role: z.enum(ROLES),
  /** Left out: until it is revoked. */
  days: z.number().positive().max(3650).optional(),
});

/** Keeps its hash; the secret is in what it resolves to and nowhere else. Throws RAUNET_TOKEN_NAME. */
export async function makeToken(
  store: Pick<UserStore, 'addToken'>,
  { name, role, days }: z.infer<typeof newToken>,
  by: Actor,
) {
  const secret = newSecret();
  const expiresAt = days === undefined ? null : new Date(Date.now() + days * DAY_MS);
  await store.addToken({ name, role, sha256: hashOf(secret), expiresAt }, by);
  return { name, role, expiresAt, secret };
}

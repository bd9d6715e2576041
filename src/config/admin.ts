import { z } from 'zod';
import { parseNetwork } from '../lib/network';

/** Each may do what those before it may. viewer reads; operator retries, cancels, sets priority; admin manages tokens. */
export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

const origin = z
  .url({ protocol: /^https?$/, error: 'an address such as https://raunet.example' })
  .refine((text) => new URL(text).origin === text.replace(/\/$/, ''), 'scheme, host and port only')
  .transform((text) => new URL(text).origin);
const file = z.string().min(1);
const values = z.array(z.string().min(1)).default([]);

const oidc = z.strictObject({
  issuer: z.url({ protocol: /^https?$/ }),
  clientId: z.string().min(1),
  /** File that holds the secret and nothing else; left out: a public client, PKCE alone. */
  clientSecretFile: file.optional(),
  scope: z.string().default('openid profile email'),
  /** Path into the claims, e.g. `realm_access.roles`; a string or a list of strings. */
  roleClaim: z.string().min(1).default('groups'),
  /** Values of the claim that give a role; the highest counts, none is refused. */
  roles: z.strictObject({ viewer: values, operator: values, admin: values }).prefault({}),
});

export const admin = z.strictObject({
  host: z.string().default('127.0.0.1'),
  port: z.int().min(0).max(65535).default(8080),
  /** none: whoever reaches the loopback address may do everything. */
  authentication: z.enum(['none', 'required']).default('none'),
  /** PEM files, read again when they change. */
  tls: z.strictObject({ certificate: file, key: file }).optional(),
  /** Where browsers reach the pages, through a proxy or not. */
  publicUrl: origin.optional(),
  /** Whose X-Forwarded-For names the client. */
  trustedProxies: z
    .array(
      z
        .string()
        .refine((text) => parseNetwork(text) !== null, 'an IP address or a network such as 10.1.0.0/16'),
    )
    .default([]),
  sessionHours: z.number().positive().max(168).default(8),
  oidc: oidc.optional(),
});

export type AdminConfig = z.infer<typeof admin>;
export type OidcConfig = NonNullable<AdminConfig['oidc']>;

import { readFile } from 'node:fs/promises';
import * as client from 'openid-client';
import { type OidcConfig, type Role, ROLES } from '../../config/admin';
import { RaunetError } from '../../lib/errors';
import type { SessionRecord } from '../../records/users';

/** What ties the way back to the browser that began it. */
export interface Login {
  state: string;
  nonce: string;
  /** PKCE, RFC 7636. */
  verifier: string;
}

export interface OpenId {
  /** Where to send the browser. Throws RAUNET_IDENTITY_PROVIDER. */
  begin(): Promise<{ url: URL; login: Login }>;
  /** target: path and query of the way back. Throws RAUNET_IDENTITY_PROVIDER, RAUNET_SIGN_IN. */
  finish(target: string, login: Login): Promise<SessionRecord>;
  /** Where a browser ends its session at the provider too; null where it has no such place. */
  end(): Promise<URL | null>;
}

export const CALLBACK_PATH = '/login/callback';
const TIMEOUT_SECONDS = 10;

/** OpenID Connect Core 3.1, authorization code flow with PKCE, state and nonce. The provider is asked at the first sign-in. */
export function openId(config: OidcConfig, publicUrl: string): OpenId {
  let known: Promise<client.Configuration> | null = null;

  /** Asked again after a failure, so that a new secret or key set counts. */
  const provider = async (): Promise<client.Configuration> => {
    known ??= discover(config);
    try {
      return await known;
    } catch (cause) {
      known = null;
      const detail = `${config.issuer}: ${(cause as Error).message}`;
      throw new RaunetError('RAUNET_IDENTITY_PROVIDER', { detail }, { cause });
    }
  };

  return {
    async begin() {
      const configuration = await provider();
      const login: Login = {
        state: client.randomState(),
        nonce: client.randomNonce(),
        verifier: client.randomPKCECodeVerifier(),
      };
      const url = client.buildAuthorizationUrl(configuration, {
        redirect_uri: `${publicUrl}${CALLBACK_PATH}`,
        scope: config.scope,
        state: login.state,
        nonce: login.nonce,
        code_challenge: await client.calculatePKCECodeChallenge(login.verifier),
        code_challenge_method: 'S256',
      });
      return { url, login };
    },

    async finish(target, { state, nonce, verifier }) {
      const configuration = await provider();
      const claims = await claimsOf(configuration, new URL(target, publicUrl), {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      }).catch((cause: unknown) => {
        known = null;
        // `error` of RFC 6749 4.1.2.1 and 5.2 where the provider said one, e.g. access_denied.
        const { error, message } = cause as { error?: string; message: string };
        throw new RaunetError('RAUNET_SIGN_IN', { detail: error ?? message }, { cause });
      });
      const name = printable(String(claims['preferred_username'] ?? claims['email'] ?? claims['sub']));
      const role = roleOf(claims, config);
      if (role === null)
        throw new RaunetError('RAUNET_SIGN_IN', {
          detail: `${name}: the claim ${config.roleClaim} gives no role`,
        });
      return { name, role, tokenName: null };
    },

    async end() {
      const configuration = await provider();
      if (configuration.serverMetadata().end_session_endpoint === undefined) return null;
      return client.buildEndSessionUrl(configuration, { post_logout_redirect_uri: `${publicUrl}/` });
    },
  };
}

async function discover({ issuer, clientId, clientSecretFile }: OidcConfig): Promise<client.Configuration> {
  const secret = clientSecretFile && (await readFile(clientSecretFile, 'utf8')).trim();
  const url = new URL(issuer);
  return client.discovery(
    url,
    clientId,
    {},
    // The default of OpenID Connect Core 9.
    secret ? client.ClientSecretBasic(secret) : client.None(),
    {
      timeout: TIMEOUT_SECONDS,
      // The configuration allows it for loopback only.
      execute: url.protocol === 'http:' ? [client.allowInsecureRequests] : [],
    },
  );
}

type Claims = Record<string, unknown>;

/** Of the id token, and of the user info endpoint, where providers put what is long. */
async function claimsOf(
  configuration: client.Configuration,
  url: URL,
  checks: client.AuthorizationCodeGrantChecks,
): Promise<Claims> {
  const tokens = await client.authorizationCodeGrant(configuration, url, checks);
  const claims = tokens.claims()!;
  if (configuration.serverMetadata().userinfo_endpoint === undefined) return claims;
  return { ...(await client.fetchUserInfo(configuration, tokens.access_token, claims.sub)), ...claims };
}

/** The highest role that the claim gives; null: none. */
export function roleOf(
  claims: Claims,
  { roleClaim, roles }: Pick<OidcConfig, 'roleClaim' | 'roles'>,
): Role | null {
  const within = (value: unknown, key: string): unknown =>
    typeof value === 'object' && value !== null ? (value as Claims)[key] : undefined;
  // A name with dots may be the name of the claim itself, as of those that are URLs.
  const found = claims[roleClaim] ?? roleClaim.split('.').reduce(within, claims as unknown);
  const values = (Array.isArray(found) ? found : [found]).filter((each) => typeof each === 'string');
  return [...ROLES].reverse().find((role) => values.some((value) => roles[role].includes(value))) ?? null;
}

/** It stands in history and log: one line, and not a long one. */
const printable = (name: string): string => name.replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '').slice(0, 80);

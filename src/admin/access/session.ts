import { type Request, Router } from 'express';
import { z } from 'zod';
import { RaunetError, toRaunetError } from '../../lib/errors';
import { hashOf, newSecret } from '../../lib/secret';
import { valid } from '../valid';
import { type AuthenticateDeps, SESSION_COOKIE } from './authenticate';
import { identityOf } from './identity';
import { CALLBACK_PATH, type Login, type OpenId } from './oidc';
import type { Identity } from './types';

const LOGIN_COOKIE = 'login';
/** So long somebody may take at the provider, ms. */
const LOGIN_MS = 10 * 60_000;

export interface SessionDeps extends AuthenticateDeps {
  sessionHours: number;
  openId: OpenId | null;
}

/** Who am I, for a service without authentication. */
export function openSessionRoutes(): Router {
  const router = Router();
  router.get('/api/session', (_request, response) => {
    response.json({ ...whoami(identityOf(response)), signIn: [] });
  });
  return router;
}

const whoami = (identity: Identity | null) => ({
  user: identity?.name ?? null,
  role: identity?.role ?? null,
});

/** Sign-in of browsers, by token or OpenID Connect, and sign-out. */
export function sessionRoutes(deps: SessionDeps): Router {
  const { store, tokens, cookies, failures, sessionHours, openId, told } = deps;
  const router = Router();
  const signIn = openId === null ? ['token'] : ['oidc', 'token'];

  const begin = async (request: Request, identity: Identity): Promise<void> => {
    const old = cookies.get(request, SESSION_COOKIE);
    if (old !== null) await store.removeSession(hashOf(old));
    // A new one at each sign-in: what somebody else put into the browser before is worth nothing.
    const secret = newSecret();
    const lasts = sessionHours * 3_600_000;
    await store.addSession(hashOf(secret), identity, new Date(Date.now() + lasts));
    cookies.set(request.res!, SESSION_COOKIE, secret, lasts);
    told.signedIn(request, identity);
  };

  router.get('/api/session', (_request, response) => {
    response.json({ ...whoami(identityOf(response)), signIn });
  });

  router.post('/api/session', async (request, response) => {
    const { token } = valid(z.strictObject({ token: z.string().max(200) }), request.body);
    const identity = tokens.find(token.trim());
    if (identity === null) {
      await failures.failed(request);
      const error = new RaunetError('RAUNET_UNAUTHENTICATED', {
        detail: 'the token is not known, or has expired',
      });
      told.signInRefused(request, error);
      throw error;
    }
    await begin(request, identity);
    response.json({ ...whoami(identity), signIn });
  });

  router.delete('/api/session', async (request, response) => {
    const secret = cookies.get(request, SESSION_COOKIE);
    const identity = identityOf(response);
    if (secret !== null) await store.removeSession(hashOf(secret));
    cookies.clear(response, SESSION_COOKIE);
    if (identity !== null) told.signedOut(request, identity);
    const byProvider = openId !== null && identity !== null && identity.tokenName === null;
    const next = byProvider ? await openId.end().catch(() => null) : null;
    response.json({ continueAt: next?.href ?? null });
  });

  if (openId === null) return router;

  /** The dashboard has a sentence for the code. */
  const refuse = (request: Request, error: RaunetError): string => {
    told.signInRefused(request, error);
    return `/?problem=${error.code}`;
  };

  router.get('/login', async (request, response) => {
    try {
      const { url, login } = await openId.begin();
      cookies.set(response, LOGIN_COOKIE, Buffer.from(JSON.stringify(login)).toString('base64url'), LOGIN_MS);
      response.redirect(303, url.href);
    } catch (thrown) {
      response.redirect(303, refuse(request, toRaunetError(thrown)));
    }
  });

  router.get(CALLBACK_PATH, async (request, response) => {
    const kept = cookies.get(request, LOGIN_COOKIE);
    cookies.clear(response, LOGIN_COOKIE);
    try {
      if (kept === null)
        throw new RaunetError('RAUNET_SIGN_IN', {
          detail: 'it was not begun in this browser, or too long ago',
        });
      const login = loginOf(kept);
      await begin(request, await openId.finish(request.originalUrl, login));
      response.redirect(303, '/');
    } catch (thrown) {
      const error = toRaunetError(thrown);
      if (error.code === 'RAUNET_SIGN_IN') await failures.failed(request);
      response.redirect(303, refuse(request, error));
    }
  });

  return router;
}

const loginSchema = z.strictObject({ state: z.string(), nonce: z.string(), verifier: z.string() });

function loginOf(cookie: string): Login {
  try {
    return loginSchema.parse(JSON.parse(Buffer.from(cookie, 'base64url').toString()));
  } catch (cause) {
    throw new RaunetError('RAUNET_SIGN_IN', { detail: 'its cookie was altered' }, { cause });
  }
}

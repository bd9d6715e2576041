import type { Request, RequestHandler, Response } from 'express';
import { type Role, ROLES } from '../../config/admin';
import { RaunetError } from '../../lib/errors';
import { hashOf } from '../../lib/secret';
import type { Cookies } from './cookies';
import { identityOf } from './identity';
import type { FailureLimit } from './limits';
import type { Told } from './told';
import type { KnownTokens } from './tokens';
import type { Identity, UserStore } from './types';

/** Who has the machine has the service: without authentication every request is this one's. */
const ANYONE: Identity = { name: 'An operator', role: 'admin', tokenName: null };

export const SESSION_COOKIE = 'session';

export interface AuthenticateDeps {
  store: UserStore;
  tokens: KnownTokens;
  cookies: Cookies;
  failures: FailureLimit;
  told: Told;
}

/** Without authentication. */
export const everyone: RequestHandler = (_request, response, next) => {
  response.locals['identity'] = ANYONE;
  next();
};

/**
 * Finds out who asks: RFC 6750 bearer token, or the session of a browser. Neither, or a session that has ended, is
 * nobody, who may still see /health and the sign-in; a wrong token is refused at once with RAUNET_UNAUTHENTICATED.
 */
export const authenticate =
  ({ store, tokens, cookies, failures, told }: AuthenticateDeps): RequestHandler =>
  async (request, response, next) => {
    const given = request.headers.authorization;
    if (given !== undefined) {
      const [, secret = ''] = /^Bearer +(\S+)$/i.exec(given) ?? [];
      const identity = tokens.find(secret);
      if (identity === null) {
        await failures.failed(request);
        told.wrongToken(request);
        throw new RaunetError('RAUNET_UNAUTHENTICATED', { detail: 'the token is not known, or has expired' });
      }
      response.locals['identity'] = identity;
    } else {
      const secret = cookies.get(request, SESSION_COOKIE);
      if (secret !== null) response.locals['identity'] = await store.session(hashOf(secret));
    }
    next();
  };

/** Throws RAUNET_UNAUTHENTICATED or RAUNET_FORBIDDEN. */
export function demand(response: Response, role: Role): Identity {
  const identity = identityOf(response);
  if (identity === null) throw new RaunetError('RAUNET_UNAUTHENTICATED');
  if (ROLES.indexOf(identity.role) < ROLES.indexOf(role))
    throw new RaunetError('RAUNET_FORBIDDEN', {
      detail: `the role of ${identity.name} is ${identity.role}, ${role} is needed`,
    });
  return identity;
}

/** A route for this role and those above it. */
export const only =
  (role: Role): RequestHandler =>
  (_request: Request, response, next) => {
    demand(response, role);
    next();
  };

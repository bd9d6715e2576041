import type { ErrorRequestHandler, Request } from 'express';
import type { Audit } from '../../audit/types';
import { type RaunetError, toRaunetError } from '../../lib/errors';
import { failureCount } from '../../lib/failure-count';
import type { Log } from '../../lib/log';
import { identityOf } from './identity';
import { addressOf } from './limits';
import type { Identity } from './types';

/** What log and audit trail hear of those who come in, and of those who do not. */
export interface Told {
  signedIn(request: Request, identity: Identity): void;
  signedOut(request: Request, identity: Identity): void;
  signInRefused(request: Request, error: RaunetError): void;
  /** Of a program; a browser's is a sign-in that was refused. */
  wrongToken(request: Request): void;
}

export function told(audit: Audit, log: Log): Told {
  return {
    signedIn(request, { name, role }) {
      log.info('Signed in to the admin pages', { user: name, role, address: request.ip });
      audit({ kind: 'signed in', user: name, address: addressOf(request), failure: null });
    },
    signedOut(request, { name }) {
      log.info('Signed out of the admin pages', { user: name });
      audit({ kind: 'signed out', user: name, address: addressOf(request), failure: null });
    },
    signInRefused(request, error) {
      log.warn('A sign-in was refused', { error, address: request.ip });
      audit({ kind: 'signed in', user: null, address: addressOf(request), failure: error.message });
    },
    wrongToken(request) {
      log.warn('A wrong token was refused', { address: request.ip });
      audit({
        kind: 'refused',
        peer: { aeTitle: '', address: addressOf(request) },
        reason: 'RAUNET_UNAUTHENTICATED',
      });
    },
  };
}

/** Refusals that somebody who may not do a thing gets, or a web page that steers their browser. */
const DENIALS = ['RAUNET_FORBIDDEN', 'RAUNET_REQUEST_ORIGIN'];

/** Stands before the handler that answers errors. As many are told of an address as there may be wrong tokens. */
export function denials(audit: Audit, log: Log): ErrorRequestHandler {
  const count = failureCount();
  return async (thrown: unknown, request, response, next) => {
    const error = toRaunetError(thrown);
    if (DENIALS.includes(error.code) && (await count(addressOf(request))).within) {
      const user = identityOf(response)?.name ?? null;
      const target = request.path.slice(0, 200);
      log.warn('A request was denied', { error, user, address: request.ip });
      audit({ kind: 'denied', user, address: addressOf(request), target, reason: error.code });
    }
    next(thrown);
  };
}

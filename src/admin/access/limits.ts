import { rateLimit } from 'express-rate-limit';
import type { Request, RequestHandler } from 'express';
import { RaunetError } from '../../lib/errors';
import { clientOf, failureCount } from '../../lib/failure-count';

/** A dashboard asks about 100 times a minute. */
const REQUESTS_A_MINUTE = 600;

export const addressOf = (request: Request): string => request.ip ?? 'unknown';
const refusal = () => new RaunetError('RAUNET_TOO_MANY_REQUESTS');

/** So many requests of one address a minute. Throws RAUNET_TOO_MANY_REQUESTS; `Retry-After` says until when. */
export const requestLimit = (): RequestHandler =>
  rateLimit({
    limit: REQUESTS_A_MINUTE,
    windowMs: 60_000,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    keyGenerator: (request) => clientOf(addressOf(request)),
    handler: (_request, _response, next) => next(refusal()),
    // The checks for a proxy that is not configured write to the console; trustedProxies is checked with the configuration.
    validate: false,
  });

export interface FailureLimit {
  /** Counts a wrong token or sign-in. Throws RAUNET_TOO_MANY_REQUESTS from the eleventh within five minutes on. */
  failed(request: Request): Promise<void>;
}

/**
 * Of wrong ones only: a right token always gets in. It cannot be guessed, so there is nothing to lock against, and a
 * monitor with an old token must not lock out the operators behind the same proxy.
 */
export function failureLimit(): FailureLimit {
  const count = failureCount();
  return {
    async failed(request) {
      const { within, secondsLeft } = await count(addressOf(request));
      if (within) return;
      request.res?.set('Retry-After', String(secondsLeft));
      throw refusal();
    },
  };
}

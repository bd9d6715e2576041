import { ipKeyGenerator, MemoryStore, rateLimit } from 'express-rate-limit';
import type { Request, RequestHandler } from 'express';
import { RaunetError } from '../../lib/errors';

/** A dashboard asks about 100 times a minute. */
const REQUESTS_A_MINUTE = 600;
const FAILURES = 10;
const FAILURE_WINDOW_MS = 5 * 60_000;
/** Of an IPv6 address: who has one has the whole network. */
const IPV6_PREFIX = 64;

const clientOf = (request: Request): string => ipKeyGenerator(request.ip ?? 'unknown', IPV6_PREFIX);
const refusal = () => new RaunetError('RAUNET_TOO_MANY_REQUESTS');

/** So many requests of one address a minute. Throws RAUNET_TOO_MANY_REQUESTS; `Retry-After` says until when. */
export const requestLimit = (): RequestHandler =>
  rateLimit({
    limit: REQUESTS_A_MINUTE,
    windowMs: 60_000,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    keyGenerator: clientOf,
    handler: (_request, _response, next) => next(refusal()),
    // The checks for a proxy that is not configured write to the console; trustedProxies is checked with the configuration.
    validate: false,
  });

/** Counts for the address of a request; not `within` from the eleventh within five minutes on. */
export function failureCount(): (request: Request) => Promise<{ within: boolean; secondsLeft: number }> {
  const store = new MemoryStore();
  store.init({ windowMs: FAILURE_WINDOW_MS } as Parameters<MemoryStore['init']>[0]);
  return async (request) => {
    const { totalHits, resetTime } = await store.increment(clientOf(request));
    const left = (resetTime?.getTime() ?? Date.now()) - Date.now();
    return { within: totalHits <= FAILURES, secondsLeft: Math.ceil(left / 1000) };
  };
}

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
      const { within, secondsLeft } = await count(request);
      if (within) return;
      request.res?.set('Retry-After', String(secondsLeft));
      throw refusal();
    },
  };
}

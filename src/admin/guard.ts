import type { RequestHandler } from 'express';
import { isLoopback } from '../config/combinations';
import { RaunetError } from '../lib/errors';

/** No script, style or frame but our own; nothing kept by caches. */
export const securityHeaders: RequestHandler = (_request, response, next) => {
  response.set({
    'Content-Security-Policy':
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-store',
  });
  next();
};

/**
 * A web page that the operator has open elsewhere must not reach us through their browser: neither by a host name of
 * its own that suddenly means 127.0.0.1 (DNS rebinding), nor by a form or fetch that changes something. A page
 * can only send `application/json` to another origin if we allow it by CORS, and we do not.
 */
export const ownPagesOnly: RequestHandler = (request, _response, next) => {
  const refuse = (detail: string): never => {
    throw new RaunetError('RAUNET_REQUEST_ORIGIN', { detail });
  };
  const host = (request.headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  if (!isLoopback(host)) refuse('its Host is not localhost; a proxy has to set it so');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    if (!request.is('application/json')) refuse('content type application/json is needed');
    const site = request.headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none') refuse('another web site sent it');
  }
  next();
};

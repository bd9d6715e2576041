import type { Request, RequestHandler } from 'express';
import helmet from 'helmet';
import type { AdminConfig } from '../config/admin';
import { isLoopback } from '../config/combinations';
import { RaunetError } from '../lib/errors';

/** No script, style or frame but our own; nothing kept by caches. https: browsers come back by HTTPS only, for a year. */
export const securityHeaders = (https: boolean): RequestHandler[] => [
  helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'"],
        connectSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    frameguard: { action: 'deny' },
    strictTransportSecurity: https && { maxAge: 31_536_000, includeSubDomains: false },
  }),
  (_request, response, next) => {
    response.set('Cache-Control', 'no-store');
    next();
  },
];

const refuse = (detail: string): never => {
  throw new RaunetError('RAUNET_REQUEST_ORIGIN', { detail });
};

/**
 * Without authentication, a web page that the operator has open elsewhere must not reach us through their browser by a
 * host name of its own that suddenly means 127.0.0.1 (DNS rebinding). With it, such a page has neither token nor cookie.
 */
export const loopbackHostOnly: RequestHandler = (request, _response, next) => {
  const host = (request.headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  if (!isLoopback(host)) refuse('its Host is not localhost; a proxy has to set it so');
  next();
};

/**
 * Nor by a form or fetch that changes something, with the cookie that their browser adds by itself. A page can only
 * send `application/json` to another origin if we allow it by CORS, and we do not.
 */
export const ownPagesOnly =
  ({ publicUrl }: AdminConfig): RequestHandler =>
  (request, _response, next) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      if (!isJson(request)) refuse('content type application/json is needed');
      const site = request.headers['sec-fetch-site'];
      if (site !== undefined && site !== 'same-origin' && site !== 'none') refuse('another web site sent it');
      // The host alone: a proxy may have ended the TLS of an https origin, or has put its own Host in place of that of publicUrl.
      const { origin, host } = request.headers;
      if (origin !== undefined && origin !== publicUrl && origin.replace(/^https?:\/\//, '') !== host)
        refuse(
          'its Origin is not its Host; a proxy has to pass Host on, or admin.publicUrl to name the Origin',
        );
    }
    next();
  };

/** Also of a request without a body. */
const isJson = (request: Request): boolean =>
  (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase() === 'application/json';

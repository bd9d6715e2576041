import type { ErrorRequestHandler, Response } from 'express';
import { ERRORS, type ErrorCode } from '../lib/error-codes';
import { RaunetError, toRaunetError } from '../lib/errors';
import type { Log } from '../lib/log';

const STATUS: Partial<Record<ErrorCode, number>> = {
  RAUNET_REQUEST: 400,
  RAUNET_UNAUTHENTICATED: 401,
  RAUNET_REQUEST_ORIGIN: 403,
  RAUNET_FORBIDDEN: 403,
  RAUNET_NOT_FOUND: 404,
  RAUNET_STATE: 409,
  RAUNET_DESTINATION_UNKNOWN: 409,
  RAUNET_TOKEN_NAME: 409,
  RAUNET_TOO_MANY_REQUESTS: 429,
  RAUNET_DATABASE: 503,
};

/** RFC 9457, with our code beside it. */
function sendProblem(response: Response, error: RaunetError, status: number): void {
  response
    .status(status)
    .type('application/problem+json')
    .send(
      JSON.stringify({
        type: 'about:blank',
        title: ERRORS[error.code].what,
        status,
        code: error.code,
        detail: error.message,
      }),
    );
}

/** The last handler: every error leaves as problem+json, what was not expected is logged and told without particulars. */
export const problems =
  (log: Log): ErrorRequestHandler =>
  (thrown: unknown, _request, response, _next) => {
    const error = fromExpress(thrown) ?? toRaunetError(thrown);
    const status = STATUS[error.code] ?? 500;
    if (status === 401) response.set('WWW-Authenticate', 'Bearer realm="raunet"'); // RFC 6750 3
    if (status >= 500) log.error('a request to the admin API failed', { error });
    sendProblem(
      response,
      error.code === 'RAUNET_INTERNAL' ? new RaunetError('RAUNET_INTERNAL') : error,
      status,
    );
  };

/** Errors of express and its body parser carry a 4xx status: the request was wrong, not we. */
function fromExpress(thrown: unknown): RaunetError | null {
  if (thrown instanceof RaunetError) return null;
  const { status, message, code } = thrown as { status?: number; message?: string; code?: string };
  // Node's parser found no HTTP behind the request that was being answered.
  if (code?.startsWith('HPE_')) return new RaunetError('RAUNET_REQUEST', { detail: 'no HTTP' });
  if (status === undefined || status < 400 || status >= 500) return null;
  return new RaunetError('RAUNET_REQUEST', { detail: message ?? 'not understood' });
}

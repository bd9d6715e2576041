import { Router } from 'express';
import { RaunetError } from '../../lib/errors';
import type { Log } from '../../lib/log';
import { valid } from '../valid';
import { demand } from './authenticate';
import { makeToken, newToken } from './new-token';
import { addressOf } from './limits';
import type { KnownTokens } from './tokens';
import type { UserStore } from './types';

export interface TokenDeps {
  store: UserStore;
  tokens: KnownTokens;
  log: Log;
}

/** For admins: the tokens. A secret is shown once, in the answer that made it. */
export function tokenRoutes({ store, tokens, log }: TokenDeps): Router {
  const router = Router();

  router.get('/api/tokens', async (_request, response) => {
    demand(response, 'admin');
    const known = await store.tokens();
    response.json({
      tokens: known.map(({ name, role, createdAt, expiresAt }) => ({
        name,
        role,
        createdAt: createdAt.toISOString(),
        expiresAt: expiresAt?.toISOString() ?? null,
      })),
    });
  });

  router.post('/api/tokens', async (request, response) => {
    const by = demand(response, 'admin');
    const { name, role, expiresAt, secret } = await makeToken(store, valid(newToken, request.body), {
      name: by.name,
      address: addressOf(request),
    });
    await tokens.refresh();
    log.info('A token was made', { token: name, role, by: by.name });
    response.status(201).json({ name, role, expiresAt: expiresAt?.toISOString() ?? null, token: secret });
  });

  router.delete('/api/tokens/:name', async (request, response) => {
    const by = demand(response, 'admin');
    const { name } = request.params;
    if (!(await store.removeToken(name, { name: by.name, address: addressOf(request) })))
      throw new RaunetError('RAUNET_NOT_FOUND', { detail: 'token' });
    await tokens.refresh();
    log.info('A token was revoked', { token: name, by: by.name });
    response.json({ sentence: 'The token is revoked, and the sessions begun with it have ended.' });
  });

  return router;
}

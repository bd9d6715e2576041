import type { RequestHandler, Router } from 'express';
import type { AdminConfig } from '../../config/admin';
import type { Audit } from '../../audit/types';
import type { Log } from '../../lib/log';
import { authenticate, everyone } from './authenticate';
import { cookies } from './cookies';
import { failureLimit, requestLimit } from './limits';
import { openId } from './oidc';
import { openSessionRoutes, sessionRoutes } from './session';
import { tokenRoutes } from './token-routes';
import { told } from './told';
import type { KnownTokens } from './tokens';
import type { UserStore } from './types';

export interface AccessDeps {
  config: AdminConfig;
  store: UserStore;
  tokens: KnownTokens;
  audit: Audit;
  log: Log;
}

/** Browsers reach us by HTTPS, our own or a proxy's. */
export const isHttps = ({ tls, publicUrl }: AdminConfig): boolean =>
  tls !== undefined || publicUrl?.startsWith('https:') === true;

export interface Access {
  /** Stands before everything but /health. */
  limit: RequestHandler[];
  /** Who asks: stands before all that is not open to everyone. It may need the database. */
  identify: RequestHandler;
  /** To sign in and to manage tokens. */
  routes: Router[];
}

/** Who gets in. */
export function access(deps: AccessDeps): Access {
  const { config } = deps;
  if (config.authentication === 'none')
    return { limit: [], identify: everyone, routes: [openSessionRoutes(), tokenRoutes(deps)] };
  const session = {
    ...deps,
    cookies: cookies(isHttps(config)),
    failures: failureLimit(),
    told: told(deps.audit, deps.log),
    sessionHours: config.sessionHours,
    openId: config.oidc && config.publicUrl ? openId(config.oidc, config.publicUrl) : null,
  };
  return {
    limit: [requestLimit()],
    identify: authenticate(session),
    routes: [sessionRoutes(session), tokenRoutes(deps)],
  };
}

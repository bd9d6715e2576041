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

/** Who gets in: what stands before the routes of the service, and the routes to sign in and to manage tokens. */
export function access(deps: AccessDeps): { before: RequestHandler[]; routes: Router[] } {
  const { config } = deps;
  if (config.authentication === 'none')
    return { before: [everyone], routes: [openSessionRoutes(), tokenRoutes(deps)] };
  const session = {
    ...deps,
    cookies: cookies(isHttps(config)),
    failures: failureLimit(),
    told: told(deps.audit, deps.log),
    sessionHours: config.sessionHours,
    openId: config.oidc && config.publicUrl ? openId(config.oidc, config.publicUrl) : null,
  };
  return {
    before: [requestLimit(), authenticate(session)],
    routes: [sessionRoutes(session), tokenRoutes(deps)],
  };
}

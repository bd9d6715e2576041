import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import { join } from 'node:path';
import express, { type Express } from 'express';
import type { Audit } from '../audit/types';
import type { AdminConfig } from '../config/admin';
import { type KeyPair, readKeyPair, watchKeyPair } from '../lib/certificate';
import { RaunetError } from '../lib/errors';
import type { Log } from '../lib/log';
import { BCP195 } from '../lib/tls';
import { access, isHttps } from './access/access';
import { denials } from './access/told';
import { type KnownTokens, watchTokens } from './access/tokens';
import type { UserStore } from './access/types';
import { loopbackHostOnly, ownPagesOnly, securityHeaders } from './guard';
import { type HealthDeps, healthRoutes, liveness } from './health';
import { problems } from './problem';
import { seriesRoutes } from './series';
import type { SeriesDesk } from './types';

export interface AdminDeps extends HealthDeps {
  config: AdminConfig;
  log: Log;
  /** Null: only health, readiness and metrics; another process has the pages. */
  series: SeriesDesk | null;
  users: UserStore;
  audit: Audit;
}

export interface Admin {
  port: number;
  /** Answers what is under way, then closes. */
  close(): Promise<void>;
}

/**
 * openapi.yaml describes every route; static/ holds the dashboard. Both are open, and there while the database is not: they
 * hold nothing of this installation.
 */
export function createAdminApp(deps: AdminDeps & { tokens: KnownTokens }): Express {
  const { config, log, users, tokens, audit } = deps;
  const { limit, identify, routes } = access({ config, log, store: users, tokens, audit });
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', config.trustedProxies);
  app.use(securityHeaders(isHttps(config)));
  if (config.authentication === 'none') app.use(loopbackHostOnly);
  app.use(ownPagesOnly(config));
  app.use(liveness(deps));
  for (const each of limit) app.use(each);
  if (deps.series) {
    app.get('/openapi.yaml', (_request, response) => {
      response.type('application/yaml').sendFile(join(__dirname, 'openapi.yaml'));
    });
    app.use(express.static(join(__dirname, 'static'), { cacheControl: false, etag: false }));
  }
  app.use(identify, express.json({ limit: '1kb' }), routes);
  app.use(healthRoutes(deps));
  if (deps.series) app.use(seriesRoutes({ ...deps, series: deps.series }));
  app.use((request) => {
    throw new RaunetError('RAUNET_NOT_FOUND', { detail: `${request.method} ${request.path}` });
  });
  app.use(denials(audit, log), problems(log));
  return app;
}

const CLOSE_GRACE_MS = 2000;

/** Throws RAUNET_LISTEN, RAUNET_CERTIFICATE. */
export async function startAdmin(deps: AdminDeps): Promise<Admin> {
  const { config, log, users } = deps;
  const pair = config.tls && (await readKeyPair(config.tls));
  const tokens = await watchTokens(() => users.tokens(), log);
  if (config.authentication === 'required' && config.oidc === undefined && tokens.count() === 0)
    log.warn('Nobody can sign in to the admin pages yet: make a token with `raunet token create`');
  const server = openServer(createAdminApp({ ...deps, tokens }), pair);
  await listen(server, config).catch((error: unknown) => {
    tokens.close();
    throw error;
  });
  const unwatch =
    config.tls && pair && watchKeyPair(config.tls, pair, (renewed) => renew(server, renewed), log);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : config.port;
  log.info('admin pages are up', { url: `${pair ? 'https' : 'http'}://${config.host}:${port}/` });
  return {
    port,
    async close() {
      tokens.close();
      unwatch?.();
      const closed = new Promise((resolve) => server.close(resolve)); // ends idle connections too
      const late = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
      await closed;
      clearTimeout(late);
    },
  };
}

function openServer(app: Express, pair: KeyPair | undefined): Server | TlsServer {
  const options = { requestTimeout: 10_000 };
  const server = pair ? createTlsServer({ ...options, ...BCP195, ...pair }, app) : createServer(options, app);
  server.maxConnections = 200;
  return server;
}

/** For connections from now on. */
const renew = (server: Server | TlsServer, pair: KeyPair): void => {
  if (server instanceof TlsServer) server.setSecureContext({ ...BCP195, ...pair });
};

function listen(server: Server | TlsServer, { host, port }: AdminConfig): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new RaunetError(
          'RAUNET_LISTEN',
          { detail: `admin on ${host}:${port}: ${error.message}` },
          { cause: error },
        ),
      );
    });
    server.listen(port, host, resolve);
  });
}

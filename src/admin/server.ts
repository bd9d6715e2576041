import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import express, { type Express } from 'express';
import type { Config } from '../config/schema';
import { RaunetError } from '../lib/errors';
import type { Log } from '../lib/log';
import { ownPagesOnly, securityHeaders } from './guard';
import { type HealthDeps, healthRoutes } from './health';
import { problems } from './problem';
import { seriesRoutes } from './series';
import type { SeriesDesk } from './types';

export interface AdminDeps extends HealthDeps {
  config: Config['admin'];
  log: Log;
  series: SeriesDesk;
}

export interface Admin {
  port: number;
  /** Answers what is under way, then closes. */
  close(): Promise<void>;
}

/** openapi.yaml describes every route; static/ holds the dashboard. */
export function createAdminApp(deps: Omit<AdminDeps, 'config'>): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(securityHeaders, ownPagesOnly);
  app.use(healthRoutes(deps));
  app.use(seriesRoutes(deps));
  app.get('/openapi.yaml', (_request, response) => {
    response.type('application/yaml').sendFile(join(__dirname, 'openapi.yaml'));
  });
  app.use(express.static(join(__dirname, 'static'), { cacheControl: false, etag: false }));
  app.use((request) => {
    throw new RaunetError('RAUNET_NOT_FOUND', { detail: `${request.method} ${request.path}` });
  });
  app.use(problems(deps.log));
  return app;
}

const CLOSE_GRACE_MS = 2000;

/** Throws RAUNET_LISTEN. */
export async function startAdmin({ config, ...deps }: AdminDeps): Promise<Admin> {
  const server = createServer({ requestTimeout: 10_000 }, createAdminApp(deps));
  server.maxConnections = 200;
  await listen(server, config);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : config.port;
  deps.log.info('admin pages are up', { url: `http://${config.host}:${port}/` });
  return {
    port,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve)); // ends idle connections too
      const late = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
      await closed;
      clearTimeout(late);
    },
  };
}

function listen(server: Server, { host, port }: Config['admin']): Promise<void> {
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

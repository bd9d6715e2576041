import { Router } from 'express';
import { only } from './access/authenticate';
import { identityOf } from './access/identity';
import type { Metrics } from './metrics';
import type { Gauges, Part } from './types';

export interface HealthDeps {
  version: string;
  readiness(): Promise<readonly Part[]>;
  metrics: Metrics;
  gauges: Gauges;
}

/** Open to everyone, before it is asked who they are: it lives while the database does not. */
export function liveness({ version }: Pick<HealthDeps, 'version'>): Router {
  const router = Router();
  router.get('/health', (_request, response) => {
    response.json({ status: 'live', version, uptimeSeconds: Math.floor(process.uptime()) });
  });
  return router;
}

export function healthRoutes({ readiness, metrics, gauges }: HealthDeps): Router {
  const router = Router();

  router.get('/ready', async (_request, response) => {
    const parts = (await readiness()).map(({ name, ok, required, reason }) => ({
      name,
      ok,
      required,
      reason,
    }));
    const ready = parts.every(({ ok, required }) => ok || !required);
    const status = !ready ? 'not ready' : parts.every(({ ok }) => ok) ? 'ready' : 'degraded';
    // Balancers and orchestrators have no token: they need the status and nothing else.
    response.status(ready ? 200 : 503).json({ status, parts: identityOf(response) === null ? [] : parts });
  });

  router.get('/metrics', only('viewer'), async (_request, response) => {
    response.type(metrics.contentType).send(await metrics.text(gauges));
  });

  return router;
}

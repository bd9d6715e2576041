import { Router } from 'express';
import type { Metrics } from './metrics';
import type { Gauges, Part } from './types';

export interface HealthDeps {
  version: string;
  readiness(): Promise<readonly Part[]>;
  metrics: Metrics;
  gauges: Gauges;
}

export function healthRoutes({ version, readiness, metrics, gauges }: HealthDeps): Router {
  const router = Router();

  router.get('/health', (_request, response) => {
    response.json({ status: 'live', version, uptimeSeconds: Math.floor(process.uptime()) });
  });

  router.get('/ready', async (_request, response) => {
    const parts = (await readiness()).map(({ name, ok, required, reason }) => ({
      name,
      ok,
      required,
      reason,
    }));
    const ready = parts.every(({ ok, required }) => ok || !required);
    const status = !ready ? 'not ready' : parts.every(({ ok }) => ok) ? 'ready' : 'degraded';
    response.status(ready ? 200 : 503).json({ status, parts });
  });

  router.get('/metrics', async (_request, response) => {
    response.type(metrics.contentType).send(await metrics.text(gauges));
  });

  return router;
}

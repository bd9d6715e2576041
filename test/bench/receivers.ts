import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dcmtk } from '../fixtures/dcmtk';
import { startOrthanc } from '../fixtures/orthanc';
import { freePort } from '../fixtures/ports';
import { startService } from '../fixtures/service';
import { until } from '../fixtures/until';

/** A C-STORE SCP under measurement. */
export interface Receiver {
  name: string;
  aeTitle: string;
  port: number;
  pid: number;
  /** How many instances it holds. */
  stored(): Promise<number>;
  stop(): Promise<void>;
}

/** The service as a hospital runs it, durable writes on; so long a quiet time that no analysis disturbs. */
export async function raunet(): Promise<Receiver> {
  const service = await startService({
    dicomPort: await freePort(),
    pacsPort: await freePort(),
    quietSeconds: 3600,
  });
  return {
    name: 'Raunet',
    aeTitle: 'RAUNET',
    port: service.dicomPort,
    pid: service.pid(),
    stored: async () => {
      const metrics = await (await fetch(`http://127.0.0.1:${service.adminPort}/metrics`)).text();
      return Number(/^raunet_instances_received_total (\d+)/m.exec(metrics)?.[1]);
    },
    stop: () => service.dispose(),
  };
}

/** DCMTK's, writing what comes as it is, with a process for each association. It does not sync its files. */
export async function storescp(): Promise<Receiver> {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'raunet-storescp-'));
  const options = ['--fork', '+B', '+xa', '--max-pdu', '131072', '-od', folder, String(port)];
  const child = spawn('storescp', options, { env: { ...process.env, TCP_NODELAY: '1' }, stdio: 'ignore' });
  const exited = new Promise((done) => child.once('exit', done));
  await until(
    'storescp answers',
    async () => (await dcmtk('echoscu', '127.0.0.1', String(port))).status === 0,
  );
  return {
    name: 'storescp',
    aeTitle: 'ANY',
    port,
    pid: child.pid!,
    stored: async () => (await readdir(folder)).length,
    stop: async () => {
      child.kill();
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Orthanc with its defaults: it indexes what it stores, and syncs its files. */
export async function orthanc(): Promise<Receiver> {
  const running = await startOrthanc({ routing: false });
  return {
    name: 'Orthanc',
    aeTitle: 'ORTHANC',
    port: running.dicomPort,
    pid: running.pid,
    stored: async () => (await running.get<{ CountInstances: number }>('/statistics')).CountInstances,
    stop: () => running.stop(),
  };
}

import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import type { AdminConfig } from '../config/admin';
import { EXIT, type ExitCode } from './exit-codes';

/** Probes wait no longer than about five seconds for the whole command. */
const TIMEOUT_MS = 4000;

/**
 * `raunet health`: asks /health, or with `ready` /ready, of the service with this configuration on this machine, over
 * HTTPS where it has admin.tls. For HEALTHCHECK, Kubernetes and monitors: no address to write down, nothing to keep in step.
 */
export async function health(
  config: Pick<AdminConfig, 'host' | 'port' | 'tls'>,
  { ready }: { ready: boolean },
  print: (line: string) => void,
): Promise<ExitCode> {
  const url = `${config.tls ? 'https' : 'http'}://${hostOf(config.host)}:${config.port}/${ready ? 'ready' : 'health'}`;
  try {
    const { status, text } = await ask(url);
    print(text);
    return status === 200 ? EXIT.ok : EXIT.failed;
  } catch (error) {
    print(
      `${url} does not answer: ${(error as Error).message}. Is the service of this configuration running?`,
    );
    return EXIT.failed;
  }
}

/** Where the service can be asked from its own machine. */
function hostOf(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

function ask(url: string): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    // The certificate names the host that browsers ask, not this one, and may be signed by anyone: nothing secret is
    // sent or learned, as with the probes of a kubelet.
    const options = { rejectUnauthorized: false, signal: AbortSignal.timeout(TIMEOUT_MS), agent: false };
    const get = url.startsWith('https:') ? getHttps : getHttp;
    get(url, options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.once('end', () => resolve({ status: response.statusCode, text }));
      response.once('error', reject);
    }).once('error', reject);
  });
}

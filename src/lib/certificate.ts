import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { RaunetError } from './errors';
import type { Log } from './log';

/** PEM files: the certificate with its chain, and its private key. */
export interface CertificateFiles {
  certificate: string;
  key: string;
}

export interface KeyPair {
  cert: Buffer;
  key: Buffer;
}

/** Reads both and sees that they belong together. Throws RAUNET_CERTIFICATE. */
export async function readKeyPair({ certificate, key }: CertificateFiles): Promise<KeyPair> {
  try {
    const [cert, privateKey] = await Promise.all([readFile(certificate), readFile(key)]);
    createSecureContext({ cert, key: privateKey });
    return { cert, key: privateKey };
  } catch (cause) {
    const detail = `${certificate} and ${key}: ${(cause as Error).message}`;
    throw new RaunetError('RAUNET_CERTIFICATE', { detail }, { cause });
  }
}

/** By content and not by fs.watch: secrets are mounted as links that are swapped, and shares tell of no change. */
const LOOK_MS = 5000;

/** Hands a new pair to `use`; one that is broken or half written is told once and left alone. Returns what ends it. */
export function watchKeyPair(
  files: CertificateFiles,
  first: KeyPair,
  use: (pair: KeyPair) => void,
  log: Log,
  lookMs = LOOK_MS,
): () => void {
  let [known, failing] = [first, false];
  const look = async (): Promise<void> => {
    try {
      const found = await readKeyPair(files);
      failing = false;
      if (found.cert.equals(known.cert) && found.key.equals(known.key)) return;
      use(found);
      known = found;
      log.info('A new certificate is in use', { certificate: files.certificate });
    } catch (error) {
      if (!failing) log.error('A certificate cannot be renewed; the one before stays in use', { error });
      failing = true;
    }
  };
  const timer = setInterval(() => void look(), lookMs).unref();
  return () => clearInterval(timer);
}

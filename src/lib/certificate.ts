import { readFile } from 'node:fs/promises';
import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { RaunetError } from './errors';
import type { Log } from './log';

/** PEM files: the certificate with its chain, and its private key. */
export interface CertificateFiles {
  certificate: string;
  key: string;
  /** Certificates of those whom we trust; left out: the system's. */
  ca?: string | undefined;
}

export interface KeyPair {
  cert: Buffer;
  key: Buffer;
  ca?: Buffer;
}

/** Reads them and sees that they belong together. Throws RAUNET_CERTIFICATE. */
export async function readKeyPair({ certificate, key, ca }: CertificateFiles): Promise<KeyPair> {
  try {
    const [cert, privateKey] = await Promise.all([readFile(certificate), readFile(key)]);
    const pair = { cert, key: privateKey, ...(ca === undefined ? {} : { ca: await readTrusted(ca) }) };
    createSecureContext(pair);
    return pair;
  } catch (cause) {
    if (cause instanceof RaunetError) throw cause;
    const detail = `${certificate} and ${key}: ${(cause as Error).message}`;
    throw new RaunetError('RAUNET_CERTIFICATE', { detail }, { cause });
  }
}

/** Certificates of those whom we trust. Throws RAUNET_CERTIFICATE. */
export async function readTrusted(file: string): Promise<Buffer> {
  try {
    const pem = await readFile(file);
    new X509Certificate(pem); // node ignores what is no certificate, and would then trust nobody
    return pem;
  } catch (cause) {
    throw new RaunetError(
      'RAUNET_CERTIFICATE',
      { detail: `${file}: ${(cause as Error).message}` },
      { cause },
    );
  }
}

/** Days before its end at which a certificate is told of. */
const SOON_DAYS = 30;

export interface Validity {
  state: 'valid' | 'ends soon' | 'expired' | 'not valid yet';
  /** Of the first certificate in the file. */
  from: Date;
  to: Date;
}

/** Throws RAUNET_CERTIFICATE. */
export async function validityOf(certificate: string, now: Date): Promise<Validity> {
  const { validFrom, validTo } = new X509Certificate(await readTrusted(certificate));
  const [from, to] = [new Date(validFrom), new Date(validTo)];
  const days = (to.getTime() - now.getTime()) / 86_400_000;
  const state =
    now < from ? 'not valid yet' : days < 0 ? 'expired' : days < SOON_DAYS ? 'ends soon' : 'valid';
  return { state, from, to };
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
      const same = (a?: Buffer, b?: Buffer) => (a === undefined ? b === undefined : b?.equals(a) === true);
      if (same(known.cert, found.cert) && same(known.key, found.key) && same(known.ca, found.ca)) return;
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

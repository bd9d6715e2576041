import { connect, type Socket } from 'node:net';
import type { DestinationConfig } from '../config/schema';
import { connectTls } from '../lib/tls';

/**
 * A socket to a destination; `secureConnect` (DICOM TLS) or `connect` follows, or an error. Certificates are read each
 * time, so that renewed ones are in use. Throws RAUNET_CERTIFICATE, RAUNET_CERTIFICATE_EXPIRED.
 */
export async function connectTo({ name, host, port, tls }: DestinationConfig): Promise<Socket> {
  return tls === undefined
    ? connect({ host, port, noDelay: true })
    : connectTls({ host, port, tls, context: { stage: 'delivery', destination: name } });
}

/** Whether it was the handshake, or what the peer said of our certificate, and not the network. */
export function isTlsError(error: unknown, { tls }: DestinationConfig): boolean {
  if (tls === undefined) return false;
  const { code = '', message = '' } = error as NodeJS.ErrnoException;
  return (
    /^ERR_(SSL|TLS)|^EPROTO$|CERT|SIGNATURE|ISSUER/.test(code) || message.includes('secure TLS connection')
  );
}

/** An error of the system in words: "connection refused" rather than a stack. */
export function words(error: unknown): string {
  const known: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'connection refused',
    ECONNRESET: 'connection reset by the peer',
    EPIPE: 'connection reset by the peer',
    ENOTFOUND: 'host name not found',
    EAI_AGAIN: 'host name not found for now',
    EHOSTUNREACH: 'no route to the host',
    ENETUNREACH: 'no route to the network',
    ETIMEDOUT: 'connection timed out',
  };
  const { code, message } = error as NodeJS.ErrnoException;
  return (code && known[code]) ?? message ?? String(error);
}

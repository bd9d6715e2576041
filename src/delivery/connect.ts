import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { DestinationConfig } from '../config/schema';
import { readKeyPair, readTrusted, validityOf } from '../lib/certificate';
import { RaunetError } from '../lib/errors';
import { BCP195 } from '../lib/tls';

/**
 * A socket to a destination; `secureConnect` (DICOM TLS) or `connect` follows, or an error. Certificates are read each
 * time, so that renewed ones are in use. Throws RAUNET_CERTIFICATE, RAUNET_CERTIFICATE_EXPIRED.
 */
export async function connectTo({ name, host, port, tls }: DestinationConfig): Promise<Socket> {
  if (tls === undefined) return connect({ host, port, noDelay: true });
  const { certificate, key, ca } = tls;
  const ours = certificate !== undefined && key !== undefined ? { certificate, key } : null;
  if (ours !== null) {
    const { state, to } = await validityOf(ours.certificate, new Date());
    if (state === 'expired' || state === 'not valid yet')
      throw new RaunetError('RAUNET_CERTIFICATE_EXPIRED', {
        stage: 'delivery',
        destination: name,
        detail: `${ours.certificate} is ${state}; its end is ${to.toISOString()}`,
      });
  }
  const serverName = tls.serverName ?? host;
  const socket = connectTls({
    host,
    port,
    ...BCP195,
    ...(ours === null ? {} : await readKeyPair(ours)),
    ...(ca === undefined ? {} : { ca: await readTrusted(ca) }),
    // SNI has no addresses (RFC 6066 3); the certificate is checked against them all the same.
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
  });
  socket.setNoDelay(true);
  return socket;
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

import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { readKeyPair, readTrusted, validityOf } from './certificate';
import { type ErrorContext, RaunetError } from './errors';

/**
 * PS3.15 B.9 and B.10, BCP 195 (RFC 9325): TLS 1.2 and 1.3, authenticated encryption and forward secrecy only. Both are
 * the names of OpenSSL.
 */
export const BCP195 = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'TLS_AES_128_GCM_SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
  ].join(':'),
} as const;

/** PEM files, and the name that the other side's certificate must have. */
export interface TlsClientFiles {
  ca?: string | undefined;
  certificate?: string | undefined;
  key?: string | undefined;
  serverName?: string | undefined;
}

/**
 * A socket whose `secureConnect`, or an error, follows. Files are read each time, so that renewed certificates are in
 * use. Throws RAUNET_CERTIFICATE, RAUNET_CERTIFICATE_EXPIRED with `context`.
 */
export async function connectTls(to: {
  host: string;
  port: number;
  tls: TlsClientFiles;
  context: ErrorContext;
}): Promise<TLSSocket> {
  const { host, port, context } = to;
  const { certificate, key, ca, serverName = host } = to.tls;
  const ours = certificate !== undefined && key !== undefined ? { certificate, key } : null;
  if (ours !== null) {
    const { state, to: end } = await validityOf(ours.certificate, new Date());
    if (state === 'expired' || state === 'not valid yet') {
      const detail = `${ours.certificate} is ${state}; its end is ${end.toISOString()}`;
      throw new RaunetError('RAUNET_CERTIFICATE_EXPIRED', { ...context, detail });
    }
  }
  const socket = connect({
    host,
    port,
    ...BCP195,
    ...(ours === null ? {} : await readKeyPair(ours)),
    ...(ca === undefined ? {} : { ca: await readTrusted(ca) }),
    // SNI has no addresses (RFC 6066 3); the certificate is checked against them all the same.
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
  });
  return socket.setNoDelay(true);
}

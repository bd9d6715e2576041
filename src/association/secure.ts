import { createServer as createPlainServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import { type KeyPair, readKeyPair, watchKeyPair } from '../lib/certificate';
import { RaunetError } from '../lib/errors';
import { BCP195 } from '../lib/tls';
import type { ListenerDeps } from './types';

export interface DicomServer {
  server: Server;
  /** Ends the watch on the certificate files, and the connections that are in their handshake. */
  release(): void;
}

interface ServerDeps extends Pick<ListenerDeps, 'config' | 'log' | 'certificateLookMs'> {
  highWaterMark: number;
  /** A connection, its TLS handshake done where there is one. */
  connected(socket: Socket): void;
  /** A TLS handshake that came to nothing. */
  refused(socket: Socket, error: RaunetError): void;
}

/** The server of the DICOM port: plain TCP, or TLS with nothing in plain (PS3.15 B.9, B.10). Throws RAUNET_CERTIFICATE. */
export async function createDicomServer(deps: ServerDeps): Promise<DicomServer> {
  const { config, log, highWaterMark, connected, refused } = deps;
  const options = { noDelay: true, highWaterMark };
  const { tls } = config;
  if (tls === undefined) return { server: createPlainServer(options, connected), release: () => {} };

  const pair = await readKeyPair(tls);
  // With `ca` who connects must show a certificate that it has signed.
  const mutual = { requestCert: tls.ca !== undefined, rejectUnauthorized: tls.ca !== undefined };
  const context = (current: KeyPair) => ({ ...BCP195, ...current });
  // In the handshake too ARTIM bounds the time to the association request (PS3.8 9.1.5).
  const handshakeTimeout = config.artimSeconds * 1000;
  const inHandshake = new Map<string, Socket>();
  const nameOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
  const server = createTlsServer({ ...options, ...mutual, ...context(pair), handshakeTimeout }, (socket) => {
    inHandshake.delete(nameOf(socket));
    connected(socket);
  });
  server.on('connection', (socket: Socket) => {
    const name = nameOf(socket);
    inHandshake.set(name, socket);
    socket.once('close', () => inHandshake.delete(name));
  });
  server.on('tlsClientError', (cause, socket) => {
    const detail = (cause as NodeJS.ErrnoException).code ?? cause.message;
    refused(socket, new RaunetError('RAUNET_TLS_REFUSED', { stage: 'association', detail }, { cause }));
    socket.destroy();
  });
  const renew = (renewed: KeyPair): void => server.setSecureContext(context(renewed));
  const unwatch = watchKeyPair(tls, pair, renew, log, deps.certificateLookMs);
  return {
    server,
    release() {
      unwatch();
      for (const socket of inHandshake.values()) socket.destroy();
    },
  };
}

/** Lower case: DNS names of the subject alternative name, and the common name (RFC 6125 6.4). Empty where none was shown. */
export function certificateNames(socket: Socket): string[] {
  if (!(socket instanceof TLSSocket)) return [];
  const { subject, subjectaltname = '' } = socket.getPeerCertificate();
  const alternatives = subjectaltname.split(', ').flatMap((name) => /^DNS:(.+)$/.exec(name)?.[1] ?? []);
  return [...alternatives, ...[subject?.CN ?? []].flat()].map((name) => name.toLowerCase());
}

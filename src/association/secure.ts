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
  /** A TLS handshake that came to nothing, of a remote address. */
  refused(address: string, error: RaunetError): void;
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
  const tell = (address: string, detail: string, cause?: Error): void =>
    refused(address, new RaunetError('RAUNET_TLS_REFUSED', { stage: 'association', detail }, { cause }));
  server.on('connection', (socket: Socket) => {
    const name = nameOf(socket);
    const { remoteAddress = '' } = socket;
    inHandshake.set(name, socket);
    socket.once('close', () => {
      // Closed by the peer. Without a byte before: a port scan, a health check.
      if (inHandshake.delete(name) && socket.bytesRead > 0) tell(remoteAddress, 'ECONNRESET');
    });
  });
  server.on('tlsClientError', (cause: NodeJS.ErrnoException, socket) => {
    // What is closed has no address any more: told of above.
    if (cause.code !== 'ECONNRESET' && inHandshake.delete(nameOf(socket)))
      tell(socket.remoteAddress ?? '', cause.code ?? cause.message, cause);
    socket.destroy();
  });
  const renew = (renewed: KeyPair): void => server.setSecureContext(context(renewed));
  const unwatch = watchKeyPair(tls, pair, renew, log, deps.certificateLookMs);
  return {
    server,
    release() {
      unwatch();
      const waiting = [...inHandshake.values()];
      inHandshake.clear();
      for (const socket of waiting) socket.destroy();
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

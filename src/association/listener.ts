import { setMaxListeners } from 'node:events';
import type { Server, Socket } from 'node:net';
import { RaunetError } from '../lib/errors';
import { failureCount } from '../lib/failure-count';
import { createPolicy, plainAddress } from './acceptance-policy';
import { serveConnection } from './association';
import { quietly } from './hooks';
import { type Reporters, reporterKey } from './reporters';
import { certificateNames, createDicomServer } from './secure';
import type { Listener, ListenerDeps } from './types';

/** What the kernel hands over at once, and the most that waits in one socket for the disk: bytes. */
const SOCKET_BUFFER = 256 * 1024;

/** Connections that are not (yet, or any more) associations: they end by ARTIM. Beyond this they are closed unheard. */
const CONNECTIONS_PER_ASSOCIATION = 4;

/** Opens the DICOM port. Throws RAUNET_LISTEN, RAUNET_CERTIFICATE. */
export async function startListener(deps: ListenerDeps): Promise<Listener> {
  const { config, log, spool } = deps;
  const policy = createPolicy(config);
  const closing = new AbortController();
  setMaxListeners(0, closing.signal);
  const sockets = new Set<Socket>();
  const served = new Set<Promise<void>>();

  const refusals = failureCount();
  const associated = new Set<Socket>();
  const reporters: Reporters = new Map();

  const takePlace = (socket: Socket) => () => {
    if (associated.size >= config.maxAssociations) return null;
    associated.add(socket);
    return () => {
      associated.delete(socket);
    };
  };

  const connected = (socket: Socket): void => {
    // A socket that was reset before we saw it has no address any more.
    const address = plainAddress(socket.remoteAddress ?? '');
    sockets.add(socket);
    const names = certificateNames(socket);
    const serving = serveConnection(socket, address, {
      ...deps,
      policy: (request, from) => policy(request, from, names),
      takePlace: takePlace(socket),
      closing: closing.signal,
      reporters,
    })
      .catch((error: unknown) => log.error('connection failed', { stage: 'association', error }))
      .finally(() => {
        socket.destroy();
        sockets.delete(socket);
        served.delete(serving);
      });
    served.add(serving);
  };
  const { server, release } = await createDicomServer({
    ...deps,
    highWaterMark: SOCKET_BUFFER,
    connected,
    refused(remoteAddress, error) {
      const address = plainAddress(remoteAddress);
      quietly(log, () => deps.metrics?.failed(error.code));
      void refusals(address).then(({ within }) => {
        if (!within) return;
        log.warn('TLS handshake failed', { stage: 'association', address, error });
        quietly(log, () => deps.refused?.({ reason: error.code, address }));
      });
    },
  });
  server.maxConnections = CONNECTIONS_PER_ASSOCIATION * config.maxAssociations;
  server.on('drop', () => {
    log.warn('connection closed unheard: too many are open', { stage: 'association' });
    quietly(log, () => deps.metrics?.rejected('too many connections'));
  });
  await listen(server, config).catch((error: unknown) => {
    release();
    throw error;
  });
  // EMFILE and the like at accept: the next connection may succeed.
  server.on('error', (error) =>
    log.error('a connection could not be taken', { stage: 'association', error }),
  );

  const sweep = () =>
    spool
      .sweep(config.idleSeconds)
      .catch((error: unknown) => log.error('sweep failed', { stage: 'spool', error }));
  await sweep();
  const sweeping = setInterval(() => void sweep(), config.idleSeconds * 1000).unref();

  const { port } = server.address() as { port: number };
  log.info('listening', { stage: 'association', host: config.host, port, aeTitle: config.aeTitle });
  return {
    port,
    report(callingAe, report) {
      const reporter = reporters.get(reporterKey(callingAe, report.transactionUid));
      return reporter === undefined
        ? Promise.resolve(false)
        : reporter.notices.report(reporter.context, report);
    },
    stats: () => ({ connections: sockets.size, associations: associated.size }),
    async close(graceful) {
      clearInterval(sweeping);
      release();
      closing.abort();
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) if (!graceful || !associated.has(socket)) socket.destroy();
      // A transfer that takes longer than the idle time is not waited for.
      const patience = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, config.idleSeconds * 1000);
      await Promise.all([closed, ...served]);
      clearTimeout(patience);
    },
  };
}

function listen(server: Server, { host, port }: ListenerDeps['config']): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (cause: NodeJS.ErrnoException) =>
      reject(
        new RaunetError(
          'RAUNET_LISTEN',
          { stage: 'association', detail: `DICOM port ${host}:${port}, ${cause.code ?? cause.message}` },
          { cause },
        ),
      );
    server.once('error', failed);
    server.listen({ host, port }, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

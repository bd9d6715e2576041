import { setTimeout as sleep } from 'node:timers/promises';
import type { DestinationConfig } from '../../src/config/schema';
import {
  associateReject,
  type Connection,
  releaseReply,
  response,
  type ScriptedScp,
  scriptedScp,
} from '../contract/delivery/scripted-scp';

/** A destination that misbehaves as no real one can be told to, and what must become of a delivery to it. */
interface Fault {
  /** Plays the n-th connection, n from 0. */
  script(connection: Connection, n: number): Promise<void>;
  ends: 'sent' | 'dead';
  /** Code that the delivery shows on its way, or at its end; null: none. */
  code: string | null;
}

/** Answers every object with a status, as a real destination does. */
const stores = async (
  connection: Connection,
  status: number,
  { delayMs = 0, accepts = true } = {},
): Promise<void> => {
  await connection.acceptAssociation(() => accepts);
  for (
    let message = await connection.readMessage();
    message !== null;
    message = await connection.readMessage()
  ) {
    await sleep(delayMs);
    connection.write(response(message.messageId, status));
  }
  connection.write(releaseReply());
};
const always =
  (status: number): Fault['script'] =>
  (connection) =>
    stores(connection, status);
/** Misbehaves on the first delivery, and is well afterwards. The connection before is the C-ECHO when the service starts. */
const once =
  (first: (connection: Connection) => Promise<void>): Fault['script'] =>
  (connection, n) =>
    n === 1 ? first(connection) : stores(connection, 0);

export const FAULTS: Record<string, Fault> = {
  slow: { script: (connection) => stores(connection, 0, { delayMs: 1500 }), ends: 'sent', code: null },
  'out-of-resources': {
    script: once((connection) => stores(connection, 0xa701)),
    ends: 'sent',
    code: 'RAUNET_STORE_BUSY',
  },
  'processing-failure': {
    script: once((connection) => stores(connection, 0x0110)),
    ends: 'sent',
    code: 'RAUNET_STORE_BUSY',
  },
  mismatch: { script: always(0xa900), ends: 'dead', code: 'RAUNET_STORE_REFUSED' },
  'cannot-understand': { script: always(0xc001), ends: 'dead', code: 'RAUNET_STORE_REFUSED' },
  'sop-class': { script: always(0x0122), ends: 'dead', code: 'RAUNET_STORE_REFUSED' },
  'not-authorized': { script: always(0x0124), ends: 'dead', code: 'RAUNET_STORE_REFUSED' },
  unheard: { script: always(0x7777), ends: 'dead', code: 'RAUNET_STORE_REFUSED' },
  coerced: { script: always(0xb000), ends: 'sent', code: null },
  duplicate: { script: always(0x0111), ends: 'sent', code: null },
  'no-context': {
    script: (connection) => stores(connection, 0, { accepts: false }),
    ends: 'dead',
    code: 'RAUNET_NOT_ACCEPTED',
  },
  congested: {
    script: once(async (connection) => {
      await connection.read();
      connection.write(associateReject(2, 3, 1));
    }),
    ends: 'sent',
    code: 'RAUNET_ASSOCIATION_BUSY',
  },
  'unknown-title': {
    script: async (connection) => {
      await connection.read();
      connection.write(associateReject(1, 1, 7));
    },
    ends: 'dead',
    code: 'RAUNET_ASSOCIATION_REJECTED',
  },
  'drops-after-last-pdv': {
    script: once(async (connection) => {
      await connection.acceptAssociation();
      await connection.readMessage();
      connection.socket.destroy();
    }),
    ends: 'sent',
    code: 'RAUNET_ASSOCIATION_ABORTED',
  },
  'never-answers': {
    script: once(async (connection) => {
      await connection.acceptAssociation();
      while ((await connection.readMessage()) !== null);
    }),
    ends: 'sent',
    code: 'RAUNET_ASSOCIATION_ABORTED',
  },
  'never-accepts': {
    script: once(async (connection) => {
      while ((await connection.read()) !== null);
    }),
    ends: 'sent',
    code: 'RAUNET_DESTINATION_DOWN',
  },
};

export interface FaultyDestinations {
  configs: Partial<DestinationConfig>[];
  scps: ReadonlyMap<string, ScriptedScp>;
  stop(): Promise<void>;
}

export async function startFaultyDestinations(): Promise<FaultyDestinations> {
  const scps = new Map<string, ScriptedScp>();
  for (const [name, { script }] of Object.entries(FAULTS)) scps.set(name, await scriptedScp(script));
  return {
    scps,
    configs: [...scps].map(([name, { port }]) => faulty(name, port)),
    stop: async () => void (await Promise.all([...scps.values()].map((scp) => scp.close()))),
  };
}

/** Patience of seconds, so that a test has some. */
export const faulty = (name: string, port: number): Partial<DestinationConfig> => ({
  name,
  aeTitle: 'PACS',
  host: '127.0.0.1',
  port,
  connectSeconds: 3,
  responseSeconds: 4,
  retrySeconds: 2,
  retryMaxSeconds: 4,
});

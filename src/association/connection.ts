import type { Socket } from 'node:net';
import { ConnectionLost, Stalled } from './broken';
import type { AssociationConfig } from './types';

/** PS3.8 9.2: awaiting A-ASSOCIATE-RQ, data transfer, awaiting the close of the connection. Entered in this order. */
export type State = 'Sta2' | 'Sta6' | 'Sta13';

/** A socket that is read only when asked, and the timers of its state. */
export class Connection {
  private state: State = 'Sta2';
  private timer: NodeJS.Timeout | undefined;
  private fault: Error | null = null;
  private wake = (): void => {};

  constructor(
    private readonly socket: Socket,
    private readonly config: AssociationConfig,
  ) {
    for (const event of ['readable', 'drain', 'end', 'close']) socket.on(event, () => this.wake());
    socket.on('error', (cause) =>
      this.interrupt(new ConnectionLost(`connection lost: ${cause.message}`, { cause })),
    );
    this.enter('Sta2', config.artimSeconds);
  }

  /**
   * The only setter of the state. In Sta2 and Sta13 ARTIM (PS3.8 9.1.5) runs through the whole state, however a
   * request trickles in; in Sta6 the idle time runs only while we wait for the peer, not while it waits for us.
   */
  enter(state: 'Sta6'): void;
  enter(state: 'Sta2' | 'Sta13', artimSeconds: number): void;
  enter(state: State, artimSeconds?: number): void {
    this.state = state;
    this.fault = null;
    clearTimeout(this.timer);
    if (artimSeconds !== undefined)
      this.expire(artimSeconds, () => new ConnectionLost(`ARTIM of ${artimSeconds} s expired`));
  }

  /** What has come, at least one byte; null at the end. Throws ConnectionLost, Stalled, or what `interrupt` was given. */
  async nextChunk(): Promise<Buffer | null> {
    for (;;) {
      if (this.fault !== null) throw this.fault;
      const chunk: Buffer | null = this.socket.read();
      if (chunk !== null) return chunk;
      if (this.socket.readableEnded || this.socket.destroyed) return null;
      await this.event();
    }
  }

  /** Resolves when the peer has taken what we said: one who does not listen is not read from either. Throws as nextChunk. */
  async heard(): Promise<void> {
    while (this.socket.writableNeedDrain && !this.socket.destroyed) {
      if (this.fault !== null) throw this.fault;
      await this.event();
    }
  }

  /** Makes the read that waits, or the next one, throw. */
  interrupt(fault: Error): void {
    this.fault ??= fault;
    this.wake();
  }

  /** Sta13: drops what comes until the peer closes or the time is over, then frees the socket. Never throws. */
  async end(seconds: number): Promise<void> {
    this.enter('Sta13', seconds);
    try {
      while ((await this.nextChunk()) !== null);
    } catch {
      // lost or expired: what we wanted
    }
    this.drop();
  }

  /** Closes at once: there is nobody to wait for. */
  drop(): void {
    clearTimeout(this.timer);
    this.socket.destroy();
  }

  private async event(): Promise<void> {
    const waiting = new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    if (this.state !== 'Sta6') return waiting;
    const { idleSeconds } = this.config;
    this.expire(idleSeconds, () => new Stalled(`nothing for ${idleSeconds} s`));
    await waiting;
    clearTimeout(this.timer);
  }

  private expire(seconds: number, fault: () => Error): void {
    this.timer = setTimeout(() => this.interrupt(fault()), seconds * 1000);
  }
}

import { ConnectionLost } from './broken';

const NOTHING = Buffer.alloc(0);

/** The bytes of a connection in order, pulled: while nobody asks, nothing is read from the socket (back-pressure). */
export class ByteReader {
  private rest: Buffer = NOTHING;

  /** `nextChunk` resolves to null at the end of the connection. */
  constructor(private readonly nextChunk: () => Promise<Buffer | null>) {}

  /** What is there, 1 to `limit` bytes, not copied. */
  async some(limit: number): Promise<Buffer> {
    if (this.rest.length === 0 && !(await this.fill()))
      throw new ConnectionLost('connection closed in mid-PDU');
    const bytes = this.rest.subarray(0, limit);
    this.rest = this.rest.subarray(bytes.length);
    return bytes;
  }

  /** Exactly `length` bytes; the caller has checked that many may be held in memory. */
  async exactly(length: number): Promise<Buffer> {
    if (length === 0) return NOTHING;
    const first = await this.some(length);
    if (first.length === length) return first;
    const parts = [first];
    for (let missing = length - first.length; missing > 0; ) {
      const part = await this.some(missing);
      parts.push(part);
      missing -= part.length;
    }
    return Buffer.concat(parts, length);
  }

  /** True where the connection ended and nothing is left. */
  async atEnd(): Promise<boolean> {
    return this.rest.length === 0 && !(await this.fill());
  }

  private async fill(): Promise<boolean> {
    for (;;) {
      const chunk = await this.nextChunk();
      if (chunk === null) return false;
      if (chunk.length === 0) continue;
      this.rest = chunk;
      return true;
    }
  }
}

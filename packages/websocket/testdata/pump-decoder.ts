import {
  CLOSE,
  FrameDecoder,
  type FrameDecoderOptions,
  MESSAGE,
  NEED_DATA,
  PING,
  WebSocketProtocolError,
} from '../src/protocol/index.ts';

/**
 * Lends each piece as a connection would: in a buffer that is overwritten as soon as the decoder wants more. So a
 * byte that it kept a reference to turns into 0xaa, and one that it wrote to is noticed.
 *
 * @returns a line for each event, in the words of `frames.md`; a protocol error is the last one.
 */
export function decodeLog(pieces: readonly Uint8Array[], options: FrameDecoderOptions): string[] {
  const decoder = new FrameDecoder(options);
  const log: string[] = [];
  const shared = Buffer.alloc(Math.max(...pieces.map((piece) => piece.length)) + 1);
  for (const [index, piece] of pieces.entries()) {
    const start = index % 2; // Not every piece begins where words do.
    shared.set(piece, start);
    decoder.receive(shared, start, start + piece.length);
    pull(decoder, log);
    if (shared.compare(piece, 0, piece.length, start, start + piece.length) !== 0) {
      throw new Error('the decoder wrote to lent bytes');
    }
    shared.fill(0xaa);
  }
  return log;
}

/** The same bytes, one at a time. */
export function bytewise(wire: Uint8Array): Uint8Array[] {
  return Array.from(wire, (_, at) => wire.subarray(at, at + 1));
}

/** Pulls until more data is needed, and adds a line for each event. */
export function pull(decoder: FrameDecoder, log: string[]): void {
  try {
    for (let event = decoder.next(); event !== NEED_DATA; event = decoder.next())
      log.push(describe(decoder, event));
  } catch (error) {
    if (!(error instanceof WebSocketProtocolError)) throw error;
    log.push(`error ${error.code} ${error.closeCode}`);
  }
}

function describe(decoder: FrameDecoder, event: number): string {
  if (event === MESSAGE) {
    const { message } = decoder;
    if (typeof message === 'string') return `text ${JSON.stringify(message)}`;
    return `binary ${Buffer.from(message).toString('hex')}`;
  }
  if (event === CLOSE) return `close ${decoder.closeCode} ${JSON.stringify(decoder.closeReason)}`;
  return `${event === PING ? 'ping' : 'pong'} ${JSON.stringify(Buffer.from(decoder.payload).toString())}`;
}

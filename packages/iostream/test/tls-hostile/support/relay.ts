import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { RecordSplitter, type WireRecord } from './records.ts';

/** Which end sends. */
export type Direction = 'client' | 'server';

/** How a direction goes on after the place where it is cut. */
export type Cut = 'stops' | 'ends' | 'is reset';

/** A place in the records of one direction. */
export interface Place {
  readonly direction: Direction;
  /** Records of that direction that are passed on before. */
  readonly record: number;
  /** Bytes of the next one that are passed on too; if negative, counted from its end. */
  readonly offset: number;
}

/** What a relay does with one connection; each connection has its own. */
export interface Passage {
  /** @returns what is passed on; `undefined` cuts the direction. */
  pass(direction: Direction, record: WireRecord, index: number): Uint8Array | undefined;
  /** Called once for a direction that was cut. */
  cut?(from: Socket, to: Socket): void;
}

/** A relay between the clients and the server of a test, which sees their records. */
export class RecordRelay implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param open - called for each connection. */
  static async start(targetPort: number, open: () => Passage): Promise<RecordRelay> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1');
    const relay = new RecordRelay(server);
    server.on('connection', (client) => {
      const target = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
      const passage = open();
      relay.#join(client, target, 'client', passage);
      relay.#join(target, client, 'server', passage);
    });
    await once(server, 'listening');
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get openSockets(): number {
    return this.#sockets.size;
  }

  #join(from: Socket, to: Socket, direction: Direction, passage: Passage): void {
    const splitter = new RecordSplitter();
    let index = 0;
    let isCut = false;
    this.#sockets.add(from);
    from.on('error', () => {});
    from.on('data', (bytes: Buffer) => {
      for (const record of splitter.push(bytes)) {
        if (isCut) return;
        const passed = passage.pass(direction, record, index);
        index += 1;
        if (passed !== undefined && passed.length > 0) to.write(passed);
        if (passed === undefined || passed.length < record.bytes.length) {
          isCut = true;
          passage.cut?.(from, to);
        }
      }
    });
    from.on('end', () => {
      if (!isCut) to.end(splitter.rest);
      else for (const socket of [from, to]) socket.destroySoon(); // an end that gives up
    });
    from.on('close', () => {
      this.#sockets.delete(from);
      // A reset is passed on as one, and whatever else ends both.
      if (from.errored) to.resetAndDestroy();
      else if (!isCut) to.end();
      else to.destroySoon();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** A passage that cuts at a place. */
export function cuttingAt(place: Place, cut: Cut, reached: () => void): Passage {
  return {
    pass(direction, record, index) {
      if (direction !== place.direction || index < place.record) return record.bytes;
      // Nothing at offset 0: the direction is cut although nothing of the record is passed on.
      return place.offset === 0 ? undefined : record.bytes.subarray(0, place.offset);
    },
    cut(_from, to) {
      reached();
      if (cut === 'ends') to.end();
      else if (cut === 'is reset') to.resetAndDestroy();
    },
  };
}

/** Places before, in and after the header of each record, in its middle, and before its last byte. */
export function placesIn(lengths: readonly number[], direction: Direction): Place[] {
  return lengths.flatMap((length, record) => {
    // Counted from the end where the length may differ: signatures have different lengths.
    const offsets = [0, 1, 4, 5, ...(length > 9 ? [5 + Math.floor((length - 5) / 2)] : []), -1];
    return offsets.map((offset) => ({ direction, record, offset }));
  });
}

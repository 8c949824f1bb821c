import type { VirtualClock } from '@landspout/ioloop/testing';
import type { IOStream, TCPClient } from '../../../src/index.ts';

/** What the ends of a connection share. */
export interface ChurnScene {
  readonly client: TCPClient;
  /** Its deadlines are of a clock that runs as fast as the test wants. */
  readonly virtualClient: TCPClient;
  readonly clock: VirtualClock;
  readonly port: number;
  /** Given to every wait, and never aborted. */
  readonly signal: AbortSignal;
  /** Counts a promise that must settle, in whatever way, and returns it. */
  track<T>(promise: Promise<T>): Promise<T>;
  /** A number from 0 to `below` - 1, of the seeded sequence. */
  random(below: number): number;
}

/** One way in which a connection ends. Each side is over when nothing of it waits any more. */
export interface Ending {
  readonly name: string;
  /** Opens by itself, where connecting is part of it. @param way - to be sent first, if anything. */
  readonly opens?: (scene: ChurnScene, way: Buffer) => Promise<void>;
  readonly client: (stream: IOStream, scene: ChurnScene) => Promise<unknown>;
  readonly server: (stream: IOStream, scene: ChurnScene) => Promise<unknown>;
}

/** More than the system takes for a peer that does not read. One for all: nobody writes into it. */
export const MUCH = Buffer.alloc(4 * 1024 * 1024, 'm');
export const HOST = '127.0.0.1';
export const SMALL_LIMIT = 128 * 1024;

/** An outcome that is either: the stream's end is the fault that was made. */
export const either = (promise: Promise<unknown>): Promise<unknown> => promise.catch(() => {});
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export async function readToEnd(stream: IOStream, { track, signal }: ChurnScene): Promise<void> {
  await either(track(stream.readUntilClose({ signal })));
  stream.close();
}

export const sitThere = (stream: IOStream, scene: ChurnScene): Promise<void> => readToEnd(stream, scene);

export async function failingRead(
  stream: IOStream,
  read: Promise<unknown>,
  { track }: ChurnScene,
): Promise<void> {
  await either(track(read));
  stream.close();
}

export async function writeUntilRefused(stream: IOStream, { track }: ChurnScene): Promise<void> {
  while (!stream.isClosed) {
    await either(track(stream.write('are you there?')));
    await nextTurn();
  }
}

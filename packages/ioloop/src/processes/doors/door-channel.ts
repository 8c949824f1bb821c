import type { Socket } from 'node:net';
import type { Clock, ClockTimer } from '../../clock.ts';
import type { Logger } from '../../logger.ts';
import { runInRootContext } from '../../node-async-context.ts';
import { afterNextRead, readToTheEnd } from './door-socket.ts';
import { type FrameOwner, FrameQueue, type OutgoingFrame } from './frame-queue.ts';
import { type Frame, FrameDecoder } from './frames.ts';

/** Something that has a door number at one end of a channel. */
export interface ChannelMember {
  received(frame: Frame): void;
  /** Called once if the channel ends. */
  ended(): void;
}

export interface DoorChannelSettings {
  /** Names the process at the other end in log records, such as `the parent`. */
  readonly peer: string;
  /** The logger to use from now on. */
  logger(): Logger;
  /** Called if the other process opens a door; absent if it may not. */
  readonly opened?: (number: number, name: string) => void;
}

/** About as many bytes as a socket of Linux accepts at once; further ones wait here, where they are counted. */
const BATCH_BYTES = 256 * 1024;
/** How long the messages of a child may take to be read after it has ended, if another process has its socket too. */
const LAST_MESSAGES_MS = 1_000;

/**
 * One end of the socket between a parent and one of its children, for all of their doors. It does not keep the process
 * alive unless a door wants it to. The frames of one turn of the loop are sent together.
 */
export class DoorChannel {
  readonly #socket: Socket;
  readonly #settings: DoorChannelSettings;
  readonly #members = new Map<number, ChannelMember>();
  readonly #decoder = new FrameDecoder();
  readonly #queue = new FrameQueue();
  readonly #onTurn = (): void => this.#flush();
  #isScheduled = false;
  #isSending = false;
  #isEnded = false;
  #refs = 0;
  #endTimer: ClockTimer | undefined;

  /** @param socket - belongs to the channel from now on. */
  constructor(socket: Socket, settings: DoorChannelSettings) {
    this.#socket = socket;
    this.#settings = settings;
    readToTheEnd(socket);
    socket.unref();
    socket.on('error', () => {}); // `close` follows
    socket.on('end', () => socket.destroy());
    socket.on('close', () => this.#end());
    socket.on('data', (bytes: Buffer) => this.#received(bytes));
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get logger(): Logger {
    return this.#settings.logger();
  }

  /** Makes `member` receive the frames with this number, in place of the one that did so before. */
  add(number: number, member: ChannelMember): void {
    this.#members.set(number, member);
  }

  /** Ignores further frames with this number. */
  remove(number: number): void {
    this.#members.delete(number);
  }

  has(number: number): boolean {
    return this.#members.has(number);
  }

  /** The number of members. */
  get size(): number {
    return this.#members.size;
  }

  send(owner: FrameOwner, frame: OutgoingFrame): void {
    if (this.#isEnded) return;
    this.#queue.append(owner, frame);
    this.#schedule();
  }

  /** Sends all frames of another queue. */
  sendAll(queue: FrameQueue): void {
    this.#queue.absorb(queue);
    this.#schedule();
  }

  /** Keeps the process alive until {@link unref} has been called as often. */
  ref(): void {
    this.#refs += 1;
    if (this.#refs === 1) this.#socket.ref();
  }

  unref(): void {
    this.#refs -= 1;
    if (this.#refs === 0) this.#socket.unref();
  }

  /** Stops reading until {@link resume}. For tests of back-pressure. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /**
   * Called when the other process has ended: everything it sent is read first, up to the end of the socket. If another
   * process keeps the socket open, reading stops after 1 s.
   */
  processEnded(clock: Pick<Clock, 'setTimeout'>): void {
    afterNextRead(() => {
      if (this.#isEnded) return;
      if (this.#members.size === 0) this.destroy();
      else this.#endTimer = clock.setTimeout(() => this.destroy(), LAST_MESSAGES_MS);
    });
  }

  /** Ends the channel at once as {@link destroy} does, but notifies no door of this end. For tests. */
  kill(): void {
    this.#members.clear();
    this.destroy();
  }

  /** Ends the channel at once. What waits is lost. */
  destroy(): void {
    this.#socket.destroy();
    this.#end();
  }

  #received(bytes: Buffer): void {
    this.#decoder.receive(bytes);
    while (!this.#isEnded) {
      const decoded = this.#decoder.next();
      if (decoded.kind === 'need-data') return;
      if (decoded.kind === 'corrupt') this.#corrupt(decoded.problem);
      else this.#dispatch(decoded);
    }
  }

  #dispatch(frame: Frame): void {
    const { kind, door } = frame;
    const { opened } = this.#settings;
    const isAllowed = (opened === undefined) === (kind === 'accept' || kind === 'refuse');
    if (kind !== 'message' && kind !== 'close' && !isAllowed) {
      this.#corrupt(`a frame of the kind ${kind} is sent in the other direction only`);
    } else if (kind !== 'open') {
      // A door that was just closed here is not known any more; the other process does not know that yet.
      this.#members.get(door)?.received(frame);
    } else if (this.#members.has(door)) this.#corrupt(`door ${door} is open already`);
    else opened?.(door, Buffer.from(frame.payload).toString());
  }

  #corrupt(problem: string): void {
    this.logger.error(
      {},
      `the message channel of ${this.#settings.peer} is closed, as it has received an invalid frame: ${problem}`,
    );
    this.destroy();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isSending || this.#isEnded) return;
    this.#isScheduled = true;
    runInRootContext(scheduleTurn, this.#onTurn);
  }

  #flush(): void {
    this.#isScheduled = false;
    if (this.#isSending || this.#isEnded || this.#queue.isEmpty) return;
    this.#isSending = true;
    const { buffers, left } = this.#queue.take(BATCH_BYTES);
    const sent = (error?: Error | null): void => {
      if (error) return; // nothing more is sent, and the channel ends soon
      this.#isSending = false;
      left();
      if (!this.#queue.isEmpty) this.#schedule();
    };
    this.#socket.cork();
    for (const [at, bytes] of buffers.entries()) {
      if (at === buffers.length - 1) this.#socket.write(bytes, sent);
      else this.#socket.write(bytes);
    }
    this.#socket.uncork();
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#endTimer?.cancel();
    this.#queue.clear();
    const members = [...this.#members.values()];
    this.#members.clear();
    for (const member of members) member.ended();
  }
}

function scheduleTurn(this: () => void): void {
  setImmediate(this);
}

import type { Buffer } from 'node:buffer';
import { closedError, WebSocketCompressionError } from './errors.ts';
import type { JobState } from './message-coders.ts';

/** Work in Node's thread pool for one message. Its promise rejects as soon as it is cancelled. */
export class CompressionJob implements JobState {
  readonly promise: Promise<Buffer>;
  /** Bytes of memory that wait with it. */
  readonly heldBytes: number;
  /** The job that was added after this one. */
  next: CompressionJob | undefined;
  #resolve!: (result: Buffer) => void;
  #reject!: (error: unknown) => void;
  /** `undefined` after it has begun or was cancelled. It holds the message. */
  #work: ((job: JobState) => Promise<Buffer>) | undefined;
  #isCancelled = false;
  readonly #whenCancelled: (job: CompressionJob) => void;

  constructor(
    heldBytes: number,
    work: (job: JobState) => Promise<Buffer>,
    whenCancelled: (job: CompressionJob) => void,
  ) {
    this.heldBytes = heldBytes;
    this.#work = work;
    this.#whenCancelled = whenCancelled;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  /** Runs to its end. Never rejects. */
  async run(): Promise<void> {
    const work = this.#work;
    this.#work = undefined;
    if (work === undefined) return;
    try {
      this.#resolve(await work(this));
    } catch (error) {
      this.#reject(error);
    }
  }

  /**
   * Rejects the promise with `ERR_WEBSOCKET_COMPRESSION_CLOSED`. A call of zlib that has begun still runs to its end.
   */
  cancel(): void {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    const isWaiting = this.#work !== undefined;
    this.#work = undefined;
    this.#reject(closedError());
    if (isWaiting) this.#whenCancelled(this);
  }
}

/** Runs jobs first come, first served, at most `concurrency` at a time. */
export class JobQueue {
  readonly #concurrency: number;
  readonly #maxWaitingBytes: number;
  #running = 0;
  #waiting = 0;
  #waitingBytes = 0;
  /** The waiting jobs, linked by `next`. Cancelled jobs stay, without their work, until it is their turn. */
  #first: CompressionJob | undefined;
  #last: CompressionJob | undefined;

  constructor(concurrency: number, maxWaitingBytes: number) {
    this.#concurrency = concurrency;
    this.#maxWaitingBytes = maxWaitingBytes;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /**
   * Runs work, or adds it to the queue.
   *
   * @param heldBytes - the memory that it holds while it waits. If nothing is waiting, any size is accepted.
   * @throws WebSocketCompressionError `ERR_WEBSOCKET_COMPRESSION_BUSY`.
   */
  add(heldBytes: number, work: (job: JobState) => Promise<Buffer>): CompressionJob {
    if (this.#waiting > 0 && this.#waitingBytes + heldBytes > this.#maxWaitingBytes) {
      throw new WebSocketCompressionError(
        'ERR_WEBSOCKET_COMPRESSION_BUSY',
        `${this.#waiting} messages of ${this.#waitingBytes} bytes are waiting for zlib; ` +
          `${heldBytes} more bytes would exceed maxWaitingBytes, ${this.#maxWaitingBytes}`,
      );
    }
    const job = new CompressionJob(heldBytes, work, this.#cancelled);
    if (this.#running < this.#concurrency) {
      this.#start(job);
      return job;
    }
    this.#waiting += 1;
    this.#waitingBytes += heldBytes;
    if (this.#last === undefined) this.#first = job;
    else this.#last.next = job;
    this.#last = job;
    return job;
  }

  #start(job: CompressionJob): void {
    this.#running += 1;
    void job.run().then(this.#ended);
  }

  readonly #ended = (): void => {
    this.#running -= 1;
    let job = this.#first;
    while (job?.isCancelled) job = job.next;
    this.#first = job?.next;
    if (this.#first === undefined) this.#last = undefined;
    if (job === undefined) return;
    job.next = undefined;
    this.#forget(job);
    this.#start(job);
  };

  readonly #cancelled = (job: CompressionJob): void => this.#forget(job);

  #forget({ heldBytes }: CompressionJob): void {
    this.#waiting -= 1;
    this.#waitingBytes -= heldBytes;
  }
}

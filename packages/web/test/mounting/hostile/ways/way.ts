// What the ways of all handlers share: how they are described, and those that are the same for every kind of handler.

import { turn } from '../world.ts';

/**
 * What a client sees:
 *
 * - a number: a whole response with this status
 * - cut: a response that does not look complete, or none
 * - leaves: the handler does not end by itself. The client resets the connection after it has read `reads` bytes
 */
export type Ending = number | 'cut' | 'leaves';

/** One way in which a handler misbehaves, and what must come of it. */
export interface Way<Run> {
  readonly run: Run;
  readonly ends: Ending;
  /** Records at the level error. Default: 1 for a 500 and a cut response, else 0. */
  readonly records?: number;
  /** The body of a POST; without it, the request is a GET. */
  readonly body?: string;
  readonly reads?: number;
  /** Names of places in which the way makes no sense, and why. */
  readonly except?: RegExp;
}

export const later = async (): Promise<void> => {
  await turn();
  await turn();
};

export const PIECE = Buffer.alloc(16_384, 'x');
export const BIG = 'b'.repeat(300_000);
export const bug = (): Error => new Error('a bug');
export const piece = (): Uint8Array => new Uint8Array(PIECE);

/** The value of a header that adds another one to a response that does not check it. */
export const INJECTION = 'a\r\nX-Evil: 1';

/** Resolves when the signal aborts. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** An object with a method `then`. */
export const thenable = (
  then: (resolve: (value: Response) => void, reject: (error: Error) => void) => void,
): object => Object.defineProperty({}, 'then', { value: then });

export const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

export const THROWING = {
  throws: {
    run() {
      throw bug();
    },
    ends: 500,
  },
  'throws an unreadable value': {
    run() {
      throw revoked();
    },
    ends: 500,
  },
  rejects: { run: () => Promise.reject(bug()), ends: 500 },
  'rejects later': {
    async run() {
      await later();
      throw bug();
    },
    ends: 500,
  },
} as const satisfies Readonly<Record<string, Way<() => unknown>>>;

export const HANGING = {
  'hangs for ever': { run: () => thenable(() => {}), ends: 'leaves' },
  'hangs for ever with a body': { run: () => thenable(() => {}), ends: 'leaves', body: 'whole' },
} as const satisfies Readonly<Record<string, Way<() => unknown>>>;

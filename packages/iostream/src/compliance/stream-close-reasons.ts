import assert from 'node:assert/strict';
import type { CloseReason } from '../stream/closing.ts';
import { closeCallback, type StreamPair, type StreamSuite, until } from './stream-suite.ts';

interface Way {
  readonly name: string;
  readonly reason: CloseReason;
  readonly code?: string;
  readonly needs?: 'half-close' | 'both-ways';
  readonly does: (pair: StreamPair) => Promise<void> | void;
}

const ended = (stream: StreamPair['b']) => until(() => stream.isEnded);

/** What each side does, and the `closeReason` of `b` after that. Both sides read, as streams in use do. */
const WAYS: readonly Way[] = [
  {
    name: 'peer-ended if the peer ends and then we do',
    reason: 'peer-ended',
    async does({ a, b }) {
      a.endWrite();
      await ended(b);
      b.endWrite();
    },
  },
  {
    name: 'peer-ended if the peer ends and then we close',
    reason: 'peer-ended',
    async does({ a, b }) {
      a.endWrite();
      await ended(b);
      b.close();
    },
  },
  {
    name: 'we-ended if we end and then the peer does',
    reason: 'we-ended',
    needs: 'half-close',
    async does({ a, b }) {
      b.endWrite();
      await ended(a);
      a.endWrite();
    },
  },
  {
    name: 'we-ended if we end and then close',
    reason: 'we-ended',
    needs: 'half-close',
    async does({ a, b }) {
      b.endWrite();
      await ended(a);
      b.close();
    },
  },
  { name: 'we-ended if we close', reason: 'we-ended', does: ({ b }) => b.close() },
  {
    name: 'we-ended if we close, even if the peer resets in the same loop iteration',
    reason: 'we-ended',
    does({ a, b }) {
      a.reset();
      b.close();
    },
  },
  { name: 'we-reset if we reset', reason: 'we-reset', does: ({ b }) => b.reset() },
  {
    name: 'we-reset if we reset with an error',
    reason: 'we-reset',
    code: 'E_OURS',
    does: ({ b }) => b.reset(coded('E_OURS')),
  },
  {
    name: 'we-reset if we reset after the peer has ended',
    reason: 'we-reset',
    needs: 'half-close',
    async does({ a, b }) {
      a.endWrite();
      await ended(b);
      b.reset();
    },
  },
  {
    name: 'timeout if a deadline of ours closes it',
    reason: 'timeout',
    code: 'ERR_SOMETHING_TIMEOUT',
    does: ({ b }) => b.close(coded('ERR_SOMETHING_TIMEOUT')),
  },
  {
    name: 'timeout if the system reports that the peer does not respond',
    reason: 'timeout',
    code: 'ETIMEDOUT',
    does: ({ b }) => b.close(coded('ETIMEDOUT')),
  },
  {
    name: 'error if a bug closes it',
    reason: 'error',
    code: 'E_BUG',
    does: ({ b }) => b.close(coded('E_BUG')),
  },
];

/** Cases of `closeReason`: which side closed, and how. */
export function streamCloseReasons(suite: StreamSuite): void {
  for (const { name, reason, code, needs, does } of WAYS) {
    const test = async (pair: StreamPair): Promise<void> => {
      const { a, b } = pair;
      assert.equal(b.closeReason, undefined);
      void a.readUntilClose().catch(() => {});
      const read = b.readUntilClose();
      await does(pair);
      await read;
      await b.waitClosed();
      assert.deepEqual([b.closeReason, codeOf(b.error)], [reason, code]);
    };
    if (needs === 'half-close') suite.checkHalfClose(`[STR-10] has the close reason ${name}`, test);
    else suite.check(`[STR-10] has the close reason ${name}`, test);
  }

  suite.check('[STR-10] keeps the first close reason if it is closed again', async ({ a, b }) => {
    const called = closeCallback(a);
    const first = coded('E_FIRST');
    a.close(first);
    a.close(coded('E_LATE'));
    a.reset();
    await called;
    a.reset(coded('E_LATER'));
    assert.deepEqual([a.closeReason, a.error], ['error', first]);
    b.close();
  });

  suite.check('[STR-03] has the close reason limit if a limit was exceeded', async ({ a, b }) => {
    await a.write('0123456789');
    await b.readUntil(';', { maxBytes: 5 }).catch(() => {});
    assert.equal(b.closeReason, 'limit');
  });
}

function coded(code: string): Error {
  return Object.assign(new Error(`closed with ${code}`), { code });
}

function codeOf(error: Error | undefined): unknown {
  return (error as { code?: unknown } | undefined)?.code;
}

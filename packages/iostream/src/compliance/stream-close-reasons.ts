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

/** What each side does, and what `b` says of it. Both read, as streams in use do. */
const WAYS: readonly Way[] = [
  {
    name: 'peer-ended when the peer ends and then we do',
    reason: 'peer-ended',
    async does({ a, b }) {
      a.endWrite();
      await ended(b);
      b.endWrite();
    },
  },
  {
    name: 'peer-ended when the peer ends and we close then',
    reason: 'peer-ended',
    async does({ a, b }) {
      a.endWrite();
      await ended(b);
      b.close();
    },
  },
  {
    name: 'we-ended when we end and then the peer does',
    reason: 'we-ended',
    needs: 'half-close',
    async does({ a, b }) {
      b.endWrite();
      await ended(a);
      a.endWrite();
    },
  },
  {
    name: 'we-ended when we end and close then',
    reason: 'we-ended',
    needs: 'half-close',
    async does({ a, b }) {
      b.endWrite();
      await ended(a);
      b.close();
    },
  },
  { name: 'we-ended when we close', reason: 'we-ended', does: ({ b }) => b.close() },
  {
    name: 'we-ended when we close although the peer resets in the same turn',
    reason: 'we-ended',
    does({ a, b }) {
      a.reset();
      b.close();
    },
  },
  { name: 'we-reset when we reset', reason: 'we-reset', does: ({ b }) => b.reset() },
  {
    name: 'we-reset when we reset with an error',
    reason: 'we-reset',
    code: 'E_OURS',
    does: ({ b }) => b.reset(coded('E_OURS')),
  },
  {
    name: 'we-reset when we reset after the end of the peer',
    reason: 'we-reset',
    needs: 'half-close',
    async does({ a, b }) {
      a.endWrite();
      await ended(b);
      b.reset();
    },
  },
  {
    name: 'timeout when a deadline of ours closes it',
    reason: 'timeout',
    code: 'ERR_SOMETHING_TIMEOUT',
    does: ({ b }) => b.close(coded('ERR_SOMETHING_TIMEOUT')),
  },
  {
    name: 'timeout when the system had no answer',
    reason: 'timeout',
    code: 'ETIMEDOUT',
    does: ({ b }) => b.close(coded('ETIMEDOUT')),
  },
  {
    name: 'error when a bug closes it',
    reason: 'error',
    code: 'E_BUG',
    does: ({ b }) => b.close(coded('E_BUG')),
  },
];

/** `closeReason`: who closed, and how. */
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
    if (needs === 'half-close') suite.checkHalfClose(`[STR-10] says ${name}`, test);
    else suite.check(`[STR-10] says ${name}`, test);
  }

  suite.check('[STR-10] says what came first, and no later close changes it', async ({ a, b }) => {
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

  suite.check('[STR-03] says limit when one was passed', async ({ a, b }) => {
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

import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { boundedFetch } from './bounded-fetch.ts';

function bounded(fetch: () => Promise<Response>, clock = new VirtualClock()) {
  return boundedFetch(fetch as typeof globalThis.fetch, { timeoutMs: 1_000, maxBytes: 10, clock });
}

describe('boundedFetch', () => {
  it('returns a response that has been read', async () => {
    const headers = { 'Content-Type': 'text/plain', 'Set-Cookie': 'a=1' };
    const response = await bounded(async () => new Response('0123456789', { status: 201, headers }))(
      'x:',
      {},
    );
    expect(response.status).toBe(201);
    expect(await response.text()).toBe('0123456789');
    expect([...response.headers]).toEqual([['content-type', 'text/plain']]);
  });

  it.each([204, 205, 304])('keeps the status %i, which has no body', async (status) => {
    expect((await bounded(async () => new Response(null, { status }))('x:', {})).status).toBe(status);
  });

  it('refuses a body above the limit, and cancels it', async () => {
    let cancelled = false;
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(4)),
      cancel: () => {
        cancelled = true;
      },
    });
    const failure = bounded(async () => new Response(endless))('x:', {});
    await expect(failure).rejects.toMatchObject({ code: 'ERR_SIGN_IN_RESPONSE' });
    expect(cancelled).toBe(true);
  });

  it('does not wait for a fetch that ignores the signal, and cancels its late response', async () => {
    const clock = new VirtualClock();
    let respond: (response: Response) => void = () => {};
    const failure = bounded(() => new Promise((resolve) => (respond = resolve)), clock)('x:', {});
    const refused = expect(failure).rejects.toMatchObject({ code: 'ERR_SIGN_IN_UNREACHABLE' });
    await clock.advance(1_000);
    await refused;
    const cancelled = new Promise<void>((resolve) => {
      respond(new Response(new ReadableStream({ cancel: () => resolve() })));
    });
    await cancelled;
  });

  it('leaves no timer behind', async () => {
    const clock = new VirtualClock();
    await bounded(async () => new Response('a'), clock)('x:', {});
    expect(clock.pending).toBe(0);
  });

  it.each([0, 199, 600])('refuses the status %i', async (status) => {
    const response = Object.defineProperty(new Response('a'), 'status', { value: status });
    await expect(bounded(async () => response)('x:', {})).rejects.toMatchObject({
      code: 'ERR_SIGN_IN_RESPONSE',
    });
  });

  it('wraps what fetch throws', async () => {
    const cause = new Error('x');
    await expect(bounded(() => Promise.reject(cause))('x:', {})).rejects.toMatchObject({
      code: 'ERR_SIGN_IN_UNREACHABLE',
      cause,
    });
  });
});

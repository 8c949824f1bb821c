import { Hono } from 'hono';
import { afterEach, describe, expect, it } from 'vitest';
import { installGlobalObjects } from '../../src/fetch/global-objects.ts';
import type { FetchEnvironment } from '../../src/fetch/index.ts';
import { converse } from '../fixtures/raw-client.ts';
import { bytes, parsed, requestText, unchunked, withContainer } from './container-fixture.ts';

let undo: () => void = () => {};
afterEach(() => undo());

type Create = () => Response;
type Outgoing = FetchEnvironment['outgoing'];

/** The response to one request, whose handler calls `touch` and returns what `create` returns. */
async function responseTo(
  touch: (outgoing: Outgoing) => void,
  create: Create = () => new Response('text'),
  method = 'GET',
): Promise<ReturnType<typeof parsed>> {
  let received = '';
  await withContainer(
    (_request, { outgoing }: FetchEnvironment) => {
      touch(outgoing);
      return create();
    },
    async ({ port, records }) => {
      received = await converse(port, requestText(method, '/'));
      expect(records).toEqual([]);
    },
  );
  return parsed(received);
}

const streamed: Create = () =>
  new Response(
    new ReadableStream({
      start(controller) {
        controller.enqueue(bytes('text'));
        // Later, so that the length is not known.
        setImmediate(() => controller.close());
      },
    }),
  );

describe.each([
  ['native', false],
  ['light', true],
])('headers that were set on `outgoing` before a %s Response', (_kind, isLight) => {
  const install = (): void => {
    undo = isLight ? installGlobalObjects() : () => {};
  };

  it.each<[string, Create, string]>([
    ['text', () => new Response('text'), 'GET'],
    ['a stream', streamed, 'GET'],
    ['no body', () => new Response(null, { status: 204 }), 'GET'],
    ['text for HEAD', () => new Response('text'), 'HEAD'],
    ['JSON', () => Response.json({ a: 1 }), 'GET'],
  ])('with %s are sent', async (_what, create, method) => {
    install();
    const { fields } = await responseTo(
      (outgoing) => outgoing.setHeader('X-Out', '1').setHeader('X-List', ['a', 'b']),
      create,
      method,
    );
    expect([fields.get('x-out'), fields.get('x-list')]).toEqual([['1'], ['a', 'b']]);
  });

  it('yield to those of the Response, but cookies and Vary have the values of both', async () => {
    install();
    const { status, fields } = await responseTo(
      (outgoing) => {
        outgoing.statusCode = 500;
        outgoing.setHeader('X-Both', 'outgoing');
        outgoing.setHeader('Content-Type', 'text/x');
        outgoing.setHeader('Set-Cookie', ['a=1', 'b=2']);
        outgoing.setHeader('Vary', 'Origin');
      },
      () =>
        new Response('text', {
          status: 201,
          headers: { 'X-Both': 'response', 'Set-Cookie': 'c=3', Vary: 'Accept' },
        }),
    );
    expect([status, fields.get('x-both')]).toEqual([201, ['response']]);
    expect(fields.get('content-type')?.[0]?.toLowerCase()).toBe('text/plain;charset=utf-8');
    expect(fields.get('set-cookie')).toEqual(['a=1', 'b=2', 'c=3']);
    expect(fields.get('vary')).toEqual(['Origin', 'Accept']);
  });

  it('do not change how the body is sent', async () => {
    install();
    const touch = (outgoing: Outgoing): void => {
      outgoing.setHeader('Content-Length', 2);
      outgoing.setHeader('Transfer-Encoding', 'gzip');
      outgoing.setHeader('Connection', 'upgrade');
    };
    const whole = await responseTo(touch);
    expect([whole.fields.get('content-length'), whole.body]).toEqual([['4'], 'text']);
    const pieces = await responseTo(touch, streamed);
    expect(pieces.fields.get('transfer-encoding')).toEqual(['chunked']);
    expect([pieces.fields.get('content-length'), unchunked(pieces.body)]).toEqual([undefined, 'text']);
  });

  it('do not stay in a Response that is returned again', async () => {
    install();
    let requests = 0;
    const cached = new Response(null, { headers: { 'X-Own': '1' } });
    await withContainer(
      (_request, { outgoing }: FetchEnvironment) => {
        requests += 1;
        if (requests === 1) outgoing.setHeader('X-Out', '1');
        return cached;
      },
      async ({ get }) => {
        expect(parsed(await get('/')).fields.get('x-out')).toEqual(['1']);
        const { fields } = parsed(await get('/'));
        expect([fields.get('x-own'), fields.get('x-out')]).toEqual([['1'], undefined]);
      },
    );
  });
});

it('headers that Hono middleware sets on `c.env.outgoing` are sent', async () => {
  const app = new Hono<{ Bindings: FetchEnvironment }>()
    .use(async (context, next) => {
      context.env.outgoing.setHeader('X-Out', '1');
      await next();
    })
    .get('/', (context) => context.text('text'));
  await withContainer(
    (request, environment) => app.fetch(request, environment),
    async ({ get }) => {
      const { fields, body } = parsed(await get('/'));
      expect([fields.get('x-out'), body]).toEqual([['1'], 'text']);
    },
  );
});

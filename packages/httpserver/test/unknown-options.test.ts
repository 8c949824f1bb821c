import express from 'express';
import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { HTTPServer, type HTTPServerOptions } from '../src/index.ts';

const host = '127.0.0.1';
const respond = () => {};
const make = (options: object) => new HTTPServer(respond, options);

/** Every place of this package that takes options. */
const DOORS: Readonly<Record<string, (options: object) => unknown>> = {
  HTTPServer: make,
  'HTTPServer decompressRequests': (options) => make({ decompressRequests: options }),
  'HTTPServer.listen': (options) => make({}).listen({ host, ...options }),
  'HTTPServer.stop': (options) => make({}).stop(options),
  'HTTPServer.stopOnSignals': (options) => make({}).stopOnSignals(options),
  'HTTPServer.start': (options) => make({}).start({ processes: 1, ...options }),
  'HTTPServer.start stop': (options) => make({}).start({ processes: 1, stop: options }),
};

describe('options that are not known', () => {
  it.each(Object.keys(DOORS))('are refused by name by %s', async (door) => {
    const open = async (): Promise<unknown> => DOORS[door]?.({ zzz: 1 });
    await expect(open()).rejects.toThrow(/: unknown option "zzz"/);
    await expect(open()).rejects.toHaveProperty('code', 'ERR_STREAM_USAGE');
  });

  it.each([
    ['idleTimeout', 'idleTimeoutMs'],
    ['max_body_bytes', 'maxBodyBytes'],
    ['trustedProxy', 'trustedProxies'],
    ['maxConnection', 'maxConnections'],
    ['keepAliveTimeout', 'idleTimeoutMs'],
    ['requestTimeout', 'bodyTimeoutMs'],
    ['headersTimeout', 'headerTimeoutMs'],
    ['maxHeaderSize', 'maxHeadBytes'],
  ])('come with the name that was probably meant: %s', (given, meant) => {
    const problem = `HTTPServer: unknown option "${given}": did you mean "${meant}"?`;
    expect(() => make({ [given]: 1 })).toThrow(problem);
  });

  it.each([
    ['cert', 'set tls: { cert }'],
    ['keyFile', 'set tls: { keyFile }'],
    ['requestCert', 'set tls: { requestCert }'],
    ['https', 'set tls: { certFile, keyFile }'],
    ['pfx', 'convert the file to PEM'],
    ['SNICallback', 'set certificates'],
  ])('come with the way to set them, if they are those of https.createServer: %s', (given, remedy) => {
    expect(() => make({ [given]: 'value' })).toThrow(`HTTPServer: unknown option "${given}": ${remedy}`);
  });

  it('are those of streams that a server of HTTP does not take', () => {
    for (const name of ['handleStream', 'maxReadBufferBytes', 'port']) {
      expect(() => make({ [name]: 1 })).toThrow(`unknown option "${name}"`);
    }
  });

  it('are none of those that a server passes on to the layer below', async () => {
    const options: HTTPServerOptions = {
      backlog: 5,
      maxConnections: 1,
      maxWriteBufferBytes: 1024 * 1024,
      maxHeaders: 10,
      idleTimeoutMs: 1_000,
      trustedProxies: ['unix'],
      decompressRequests: { maxRatio: 10 },
    };
    await using server = await make(options).listen({ host, port: '0' });
    expect(server.port).toBeGreaterThan(0);
  });

  it('are none of those that start takes, of which a backlog is for several processes', async () => {
    await using server = make({});
    // The signals that end a process shall go on to end this one.
    let cancel = () => {};
    const stopOnSignals = server.stopOnSignals.bind(server);
    server.stopOnSignals = (options) => {
      const stop = stopOnSignals(options);
      cancel = stop.cancel;
      return stop;
    };
    await server.start({ processes: 1, host, port: '0', backlog: 5, maxRestarts: 1, stop: { graceMs: 1 } });
    cancel();
    expect(server.port).toBeGreaterThan(0);
  });
});

describe('HTTPServer', () => {
  it.each([undefined, null, {}, 'text'])('refuses %j as a handler, and says what it takes', (handler) => {
    expect(() => new HTTPServer(handler as never)).toThrow(
      'HTTPServer: a function of a request, an Application or another delegate was expected, not',
    );
  });

  it.each<[string, unknown, string]>([
    ['an Express application', express(), 'new NodeContainer(app) of @landspout/httpserver/node'],
    [
      'a handler of node:http',
      (_request: unknown, response: { end(): void }) => response.end(),
      'new NodeContainer(app) of @landspout/httpserver/node',
    ],
    ['a Hono application', new Hono(), 'new FetchContainer(app.fetch) of @landspout/httpserver/fetch'],
  ])('names the container for %s', (_what, app, remedy) => {
    expect(() => new HTTPServer(app as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_STREAM_USAGE',
        message: expect.stringContaining(`: pass ${remedy}`),
      }),
    );
  });

  it('refuses a callback of listen', async () => {
    await using server = make({});
    await expect(server.listen({ host }, (() => {}) as never)).rejects.toMatchObject({
      code: 'ERR_STREAM_USAGE',
      message: expect.stringContaining('await the promise'),
    });
    expect(server.addresses).toEqual([]);
  });

  it('names what came in place of a number', () => {
    expect(() => make({ idleTimeoutMs: '1000' })).toThrow('was expected, not "1000" (a string)');
    expect(() => make({ maxConnections: '1000' })).toThrow('was expected, not "1000" (a string)');
  });
});

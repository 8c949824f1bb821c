import { describe, expect, it } from 'vitest';
import { Application, AsyncHTTPClient, HTTPServer, IOLoop, RequestHandler } from '../src/index.ts';
import { connectorFor, LogRecorder, VirtualClock } from '../src/web/testing.ts';

class Echo extends RequestHandler {
  override get(): void {
    const { protocol, host } = this.request;
    this.writeJson({ protocol, host, cookie: this.getCookie('sid', 'none') });
  }

  override post(): void {
    this.setCookie('sid', '1');
    this.write(this.request.body);
  }
}

class Moved extends RequestHandler {
  override get(): void {
    this.redirect('/');
  }
}

class Slow extends RequestHandler {
  override async get(): Promise<void> {
    this.write('begun');
    await this.flush();
    await new Promise((resolve) => this.signal.addEventListener('abort', resolve));
  }
}

const routes = [
  ['/', Echo],
  ['/moved', Moved],
  ['/slow', Slow],
] as const;

describe('connectorFor', () => {
  it('sends the requests of a client into an application, over connections that are reused [TE-01]', async () => {
    const app = new Application(routes);
    await using connect = connectorFor(app);
    await using client = new AsyncHTTPClient({ connect });
    const get = async (url: string) => (await client.fetch(url)).json();
    expect(await get('http://shop.example/')).toEqual({
      protocol: 'http',
      host: 'shop.example',
      cookie: 'none',
    });
    expect(await get('https://shop.example:8443/moved')).toMatchObject({
      protocol: 'https',
      host: 'shop.example:8443',
    });
    const body = Buffer.alloc(3_000_000, 'x');
    const sent = await client.fetch('http://shop.example/', { method: 'POST', body });
    expect(sent.body.length).toBe(body.length);
    expect((await client.fetch('http://shop.example/none', { raiseError: false })).status).toBe(404);
    expect(client.idleCount).toBe(2);
  });

  it('runs on a clock of the test', async () => {
    const clock = new VirtualClock(Date.UTC(2026, 0, 1));
    const loop = new IOLoop({ clock });
    await using connect = connectorFor(new Application(routes, { clock }), { server: { loop } });
    await using client = new AsyncHTTPClient({ connect, loop });
    const response = await client.fetch('http://shop.example/');
    expect(response.headers.get('Date')).toBe('Thu, 01 Jan 2026 00:00:00 GMT');
    expect(client.idleCount).toBe(1);
    for (let turn = 0; turn < 20 && client.idleCount > 0; turn += 1) await clock.advance(1_000);
    expect(client.idleCount).toBe(0);
  });

  it('ends with the connector, or with the server that it was given', async () => {
    using log = new LogRecorder();
    const app = new Application(routes, { logger: log });
    const connect = connectorFor(app);
    await using client = new AsyncHTTPClient({ connect });
    const response = await client.stream('http://shop.example/slow');
    await connect.close();
    await expect(response.text()).rejects.toMatchObject({ code: 'ERR_HTTPCLIENT_CLOSED' });
    // It opens new connections afterwards.
    expect((await client.fetch('http://shop.example/')).status).toBe(200);

    const server = new HTTPServer(app);
    await using other = new AsyncHTTPClient({ connect: connectorFor(server) });
    const streamed = await other.stream('http://shop.example/slow');
    expect(server.connectionCount).toBe(1);
    await server.closeAll();
    await expect(streamed.text()).rejects.toMatchObject({ code: 'ERR_HTTPCLIENT_CLOSED' });
  });

  it('refuses unknown options, and options for a server that has its own', () => {
    const usage = expect.objectContaining({ code: 'ERR_WEB_USAGE' });
    expect(() => connectorFor(new Application(routes), { servers: {} } as object)).toThrow(usage);
    expect(() => connectorFor(new HTTPServer(() => {}), { server: {} })).toThrow(usage);
  });
});

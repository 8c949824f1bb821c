import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HTTPRequest, type RequestOptions } from '@landspout/httpclient';
import { describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { DigestServer, MUFASA } from '../../../httpclient/test/fixtures/digest-server.ts';
import { websocketConnect } from '../../src/index.ts';
import { echo, withWsServer } from '../fixtures/ws-server.ts';

describe('websocketConnect with an HTTPRequest', () => {
  it('sends its headers, credentials and user agent [WS-20]', () =>
    withWsServer(echo, async ({ url, requests }) => {
      const request = new HTTPRequest(`${url}/path?query`, {
        headers: { 'X-Own': 'yes', Cookie: 'a=b' },
        basicAuth: { username: 'ada', password: 'pass:word' },
        userAgent: 'probe/1',
        connectTimeoutMs: 5_000,
        requestTimeoutMs: 10_000,
        followRedirects: false,
      });
      const connection = await websocketConnect(request, { subprotocols: ['chat'] });
      expect(connection.selectedSubprotocol).toBe('chat');
      await connection[Symbol.asyncDispose]();
      expect(requests[0]).toMatchObject({
        url: '/path?query',
        headers: {
          'x-own': 'yes',
          cookie: 'a=b',
          'user-agent': 'probe/1',
          authorization: `Basic ${Buffer.from('ada:pass:word').toString('base64')}`,
        },
      });
    }));

  it('responds to a digest challenge on a new connection, and gives up if it is refused [WS-20]', async () => {
    const digest = new DigestServer({ algorithms: ['SHA-256'] });
    const http = createServer();
    const server = new WebSocketServer({ noServer: true });
    server.on('connection', echo);
    http.on('upgrade', ({ method, url, headers, ...rest }, socket, head) => {
      const request = Object.assign(new EventEmitter(), { method, url, headers });
      let refusal = '';
      const response = {
        setHeader: () => {},
        writeHead: (status: number, fields: { 'WWW-Authenticate': string[] }) => {
          const lines = fields['WWW-Authenticate'].map((value) => `WWW-Authenticate: ${value}\r\n`);
          refusal = `HTTP/1.1 ${status} Who\r\n${lines.join('')}Content-Length: 0\r\n\r\n`;
        },
        end: () => {
          const original = { method, url, headers, ...rest } as IncomingMessage;
          if (refusal !== '') socket.end(refusal);
          else server.handleUpgrade(original, socket, head, (peer) => server.emit('connection', peer));
        },
      };
      digest.listener(request as IncomingMessage, response as unknown as ServerResponse);
      request.emit('end');
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    const address = http.address();
    const url = `ws://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/chat?a`;
    const connection = await websocketConnect(new HTTPRequest(url, { digestAuth: MUFASA }));
    await connection.writeMessage('known');
    expect(await connection.readMessage()).toBe('known');
    expect([digest.received.length, digest.received[0]]).toEqual([2, undefined]);
    await connection[Symbol.asyncDispose]();
    const wrong = websocketConnect(url, { digestAuth: { username: 'me', password: 'hunter2' } });
    await expect(wrong).rejects.toMatchObject({
      code: 'ERR_WEBSOCKET_UPGRADE_REFUSED',
      status: 401,
      message: expect.not.stringContaining('hunter2'),
    });
    expect(digest.received.length).toBe(4);
    server.close();
    await new Promise((resolve) => http.close(resolve));
  });

  it.each<[RequestOptions, string]>([
    [{ method: 'POST', body: '' }, 'method'],
    [{ body: 'x' }, 'body'],
    [{ json: {} }, 'json'],
    [{ bodyProducer: () => {} }, 'bodyProducer'],
    [{ expectContinue: true }, 'expectContinue'],
    [{ ifModifiedSince: new Date(0) }, 'ifModifiedSince'],
    [{ maxBodyBytes: 1 }, 'maxBodyBytes'],
    [{ onData: () => {} }, 'onData'],
    [{ onRedirect: () => {} }, 'onRedirect'],
    [{ headersTimeoutMs: 1 }, 'headersTimeoutMs'],
    [{ followRedirects: true }, 'followRedirects'],
    [{ raiseError: false }, 'raiseError'],
    [{ requestTimeoutMs: -1 }, 'requestTimeoutMs'],
  ])('refuses %j by name [WS-20]', async (options, name) => {
    const attempt = websocketConnect(new HTTPRequest('ws://127.0.0.1:9/', options));
    await expect(attempt).rejects.toMatchObject({
      code: 'ERR_WEBSOCKET_BAD_OPTION',
      message: expect.stringContaining(name),
    });
  });

  it('refuses an option that is in both, and two kinds of credentials [WS-20]', async () => {
    const request = new HTTPRequest('ws://127.0.0.1:9/', { headers: { A: 'b' } });
    await expect(websocketConnect(request, { headers: { C: 'd' } })).rejects.toMatchObject({
      code: 'ERR_WEBSOCKET_BAD_OPTION',
      message: expect.stringContaining('headers'),
    });
    const me = { username: 'me', password: 'secret' };
    await expect(
      websocketConnect('ws://127.0.0.1:9/', { basicAuth: me, digestAuth: me }),
    ).rejects.toMatchObject({
      code: 'ERR_WEBSOCKET_BAD_OPTION',
    });
    const colon = websocketConnect('ws://127.0.0.1:9/', {
      basicAuth: { username: 'a:b', password: 'secret' },
    });
    await expect(colon).rejects.toMatchObject({
      code: 'ERR_WEBSOCKET_BAD_OPTION',
      message: expect.stringMatching(/^websocketConnect: basicAuth: (?!.*secret)/),
    });
  });

  it('gives up after the shorter of its timeouts [WS-20]', async () => {
    const silent = createServer(() => {});
    silent.on('upgrade', (_request, socket) => socket.on('end', () => socket.end()).resume());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const url = `ws://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`;
    const request = new HTTPRequest(url, { connectTimeoutMs: 20_000, requestTimeoutMs: 30 });
    await expect(websocketConnect(request)).rejects.toMatchObject({ code: 'ERR_WEBSOCKET_CONNECT_TIMEOUT' });
    silent.closeAllConnections();
    await new Promise((resolve) => silent.close(resolve));
  });

  it('connects to a Unix socket, and from a local address [WS-20]', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'landspout-websocket-'));
    const socketPath = join(folder, 'socket');
    const http = createServer();
    const server = new WebSocketServer({ server: http });
    server.on('connection', echo);
    await new Promise<void>((resolve) => http.listen(socketPath, resolve));
    const connection = await websocketConnect('ws://anything/', { socketPath });
    await connection.writeMessage('over a path');
    expect(await connection.readMessage()).toBe('over a path');
    await connection[Symbol.asyncDispose]();
    server.close();
    await new Promise((resolve) => http.close(resolve));
    rmSync(folder, { recursive: true });
    await withWsServer(echo, async ({ url, requests }) => {
      await using _ = await websocketConnect(url, { localAddress: '127.0.0.3', family: 4 });
      expect(requests[0]?.socket.remoteAddress).toBe('127.0.0.3');
    });
  });
});

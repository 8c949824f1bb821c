import { toFetchHandler } from '@landspout/httpserver/fetch';
import { Application } from '@landspout/web';
import { Hono } from 'hono';
import { mount } from 'hono/mount';
import { beforeEach, describe, expect, it } from 'vitest';
import { websocketConnect } from '../../src/index.ts';
import { RecordingHandler } from '../fixtures/recording-handler.ts';
import { RecordingLogger } from '../fixtures/running-application.ts';
import { withFetch } from './fetch-server.ts';

describe('a WebSocketHandler of an Application in Hono', () => {
  beforeEach(() => RecordingHandler.reset());

  it('takes over the connection if Hono passes on the request itself', () => {
    const live = toFetchHandler(new Application([['/live/own', RecordingHandler]]));
    const hono = new Hono().all('/live/*', mount(live, { replaceRequest: false }));
    return withFetch(hono.fetch, async ({ url, log }) => {
      const client = await websocketConnect(`${url}/live/own`);
      await client.writeMessage('hello');
      expect(await client.readMessage()).toBe('hello');
      client.close();
      await client.waitClosed();
      expect(log.problems).toEqual([]);
    });
  });

  it('refuses a copy of the request with 501, and logs the remedy', () => {
    const logger = new RecordingLogger();
    const live = toFetchHandler(new Application([['/own', RecordingHandler]], { logger }));
    const hono = new Hono().all('/live/*', mount(live));
    return withFetch(hono.fetch, async ({ url }) => {
      await expect(websocketConnect(`${url}/live/own`)).rejects.toMatchObject({ status: 501 });
      const { error } = logger.problems[0] ?? {};
      expect(error).toMatchObject({ code: 'ERR_HTTP_DETACH' });
      expect(String(error)).toMatch(/not a copy/);
      expect(logger.problems).toHaveLength(1);
    });
  });
});

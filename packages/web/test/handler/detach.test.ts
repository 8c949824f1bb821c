import { describe, expect, it } from 'vitest';
import { RequestHandler } from '../../src/index.ts';
import { ask, converse, RawClient, requestText, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

/** Uses a protocol of its own after the request head, like the WebSocket handler. */
class Upgrades extends RequestHandler {
  static finished = 0;

  override async get(): Promise<void> {
    if (this.getArgument('wait', '') !== '') await new Promise((resolve) => setImmediate(resolve));
    this.setHeader('X-Own', 'yes');
    const fields = this.responseHeaders.copy();
    fields.delete('Content-Type');
    expect(this.exchange.headSent).toBe(false);
    const stream = this.detach();
    expect([this.finished, this.headSent]).toEqual([true, true]);
    expect(() => this.write('x')).toThrow(expect.objectContaining({ code: 'ERR_WEB_FINISHED' }));
    await stream.write(`HTTP/1.1 101 Switching Protocols\r\n${fields.serialize()}Upgrade: echo\r\n\r\n`);
    await stream.write(Buffer.from(await stream.readUntil(Buffer.from('\n'))));
    stream.close();
  }

  override post(): void {
    void this.flush();
    this.detach();
  }

  override onFinish(): void {
    Upgrades.finished += 1;
  }
}

describe('detach', () => {
  it.each(['', '?wait=1'])('gives the connection away, with what came behind the head%s [OUT-09]', (query) =>
    withApp([['/', Upgrades]], async ({ port, log }) => {
      const client = await RawClient.connect(port, `${requestText(`/${query}`)}early\n`);
      const received = await client.untilEnd();
      expect(received).toMatch(
        /^HTTP\/1\.1 101 Switching Protocols\r\nServer: Landspout\r\nX-Own: yes\r\nUpgrade: echo\r\n\r\nearly\n$/,
      );
      expect(Upgrades.finished).toBe(0);
      expect(log.records).toEqual([]);
    }),
  );

  it('is refused once an answer has begun [OUT-09]', () =>
    withApp([['/', Upgrades]], async ({ port, log }) => {
      await converse(port, requestText('/', 'POST'));
      expect(log.records.map(({ error }) => (error as { code?: unknown }).code)).toEqual([
        'ERR_WEB_HEAD_SENT',
      ]);
      Upgrades.finished = 0;
    }));
});

describe('clear', () => {
  it('forgets status, headers and body, and sets the default headers again [OUT-09]', () => {
    class Clears extends RequestHandler {
      override setDefaultHeaders(): void {
        this.addHeader('X-Default', '1');
      }
      override get(): void {
        this.setStatus(201);
        this.setHeader('X-Mine', '1');
        this.write('gone');
        this.clear();
        this.write('kept');
      }
    }
    return withApp([['/', Clears]], async ({ port }) => {
      const answer = await ask(port, '/');
      expect(statusOf(answer)).toBe(200);
      expect(answer).not.toMatch(/X-Mine|gone/);
      expect(answer.match(/X-Default: 1\r\n/g)).toHaveLength(1);
    });
  });
});

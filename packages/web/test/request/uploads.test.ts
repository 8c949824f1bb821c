import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  HTTPError,
  MissingArgumentError,
  type MultipartForm,
  parseMultipart,
  RequestHandler,
  unparsedBodyHint,
} from '../../src/index.ts';
import { bodyOf, converse, RawClient, statusesOf, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

const TYPE = 'Content-Type: multipart/form-data; boundary=b';

/** A POST with a body in latin1. */
function post(body: string, ...fields: readonly string[]): string {
  const lines = ['POST / HTTP/1.1', 'Host: a', `Content-Length: ${body.length}`, ...fields];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

function part(disposition: string, body = ''): string {
  return `--b\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${body}\r\n`;
}

/** Responds with the form as JSON; the bodies of files in hex. */
class Shows extends RequestHandler {
  protected form(): MultipartForm {
    return parseMultipart(this.request.headers, this.request.body);
  }

  override post(): void {
    const { fields, files } = this.form();
    this.write({
      fields: [...fields],
      files: Array.from(files, ([name, list]) => [
        name,
        list.map(({ filename, safeName, contentType, body }) => [
          filename,
          safeName,
          contentType,
          Buffer.from(body).toString('hex'),
        ]),
      ]),
    });
  }
}

describe('a form with files', () => {
  it('is read as fetch sends it [HU-11] [HU-12]', () =>
    withApp([['/', Shows]], async ({ url }) => {
      const body = new FormData();
      body.append('text', 'grüße\r\n');
      body.append('text', 'second');
      body.append('up', new File([Buffer.from([0, 13, 10, 255])], '../日本"語.bin', { type: 'image/png' }));
      const response = await fetch(url, { method: 'POST', body });
      expect(await response.json()).toEqual({
        fields: [['text', ['grüße\r\n', 'second']]],
        files: [['up', [['../日本"語.bin', '日本_語.bin', 'image/png', '000d0aff']]]],
      });
    }));

  it('is read as curl -F sends it [HU-11] [ATT-39]', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'landspout-'));
    try {
      await writeFile(join(folder, 'naïve "x".txt'), '\r\n--');
      await withApp([['/', Shows]], async ({ url }) => {
        const file = `up=@"${join(folder, 'naïve \\"x\\".txt')}";type=text/x-own`;
        const { stdout } = await promisify(execFile)('curl', ['-s', '-F', 'a=1 2', '-F', file, url]);
        expect(JSON.parse(stdout)).toEqual({
          fields: [['a', ['1 2']]],
          files: [['up', [['naïve "x".txt', 'naïve _x_.txt', 'text/x-own', '0d0a2d2d']]]],
        });
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('keeps names such as __proto__ as plain data [ATT-74]', () =>
    withApp([['/', Shows]], async ({ port }) => {
      const body = `${part('name="__proto__"', '1')}${part('name="constructor"; filename="__proto__"')}--b--`;
      const received = await converse(port, post(body, TYPE, 'Connection: close'));
      expect(bodyOf(received)).toBe(
        '{"fields":[["__proto__",["1"]]],"files":[["constructor",[["__proto__","__proto__","application/unknown",""]]]]}',
      );
      expect(Object.hasOwn(Object.prototype, '1')).toBe(false);
    }));
});

describe('a malformed form', () => {
  it('with thousands of malformed parts is one 400 and one log record, and the next request is served [ATT-22]', () =>
    withApp([['/', Shows]], async ({ port, log }) => {
      const flood = post(`${'--b\r\nno header\r\n\r\nx\r\n'.repeat(20_000)}--b--`, TYPE);
      const fine = post(`${part('name=a', '1')}--b--`, TYPE, 'Connection: close');
      expect(statusesOf(await converse(port, flood, fine))).toEqual([400, 200]);
      expect(log.records).toHaveLength(1);
      expect(log.records[0]).toMatchObject({ level: 'warn' });
      expect(
        String(
          (log.records[0]?.error as { message?: string } | undefined)?.message ?? log.records[0]?.message,
        ),
      ).not.toContain('\n');
    }));

  it.each([
    ['101 files', part('name=a; filename=f').repeat(101), 400],
    ['1,001 parts', part('name=a').repeat(1001), 400],
    ['11 KiB of headers', part(`name=a; x="${'x'.repeat(11 * 1024)}"`), 400],
    ['a field of more than 1 MiB', part('name=a', 'x'.repeat(2 ** 20 + 1)), 413],
  ])('of %s is refused [ATT-23]', (_what, parts, status) =>
    withApp([['/', Shows]], async ({ port }) => {
      expect(statusOf(await converse(port, post(`${parts}--b--`, TYPE, 'Connection: close')))).toBe(status);
    }),
  );

  it('with 10,000 semicolons inside quotation marks is read [ATT-21]', () =>
    withApp([['/', Shows]], async ({ port }) => {
      const body = `${part(`name="a"; filename="${';'.repeat(10_000)}"`)}--b--`;
      expect(statusOf(await converse(port, post(body, TYPE, 'Connection: close')))).toBe(200);
    }));

  it.each([
    ['a bare CR in a part header [ATT-39]', part('name="a\rb"')],
    ['a NUL in a name [HU-12]', part('name="a\0b"')],
    ['a part without a name [HU-11]', part('filename=a')],
    ['no last delimiter [HU-11]', part('name=a').slice(0, -2)],
  ])('with %s is refused', (_what, body) =>
    withApp([['/', Shows]], async ({ port }) => {
      const client = await RawClient.connect(port, post(`${body}--b`, TYPE, 'Connection: close'));
      expect(statusOf(await client.untilEnd())).toBe(400);
    }),
  );

  it('whose boundary is missing or invalid is refused [HU-11]', () =>
    withApp([['/', Shows]], async ({ port }) => {
      for (const type of ['multipart/form-data', 'multipart/form-data; boundary="a'] as const) {
        const request = post('--a--', `Content-Type: ${type}`, 'Connection: close');
        expect(statusOf(await converse(port, request))).toBe(400);
      }
    }));
});

describe('a body that is not parsed', () => {
  class Needs extends RequestHandler {
    override post(): void {
      try {
        this.getBodyArgument('a');
      } catch (error) {
        const hint = unparsedBodyHint(this.request.headers);
        if (!(error instanceof MissingArgumentError) || hint === undefined) throw error;
        throw new HTTPError(400, `${error.logMessage}: ${hint}`, { reason: 'Unparsed Body' });
      }
    }
  }

  it.each([
    ['text/plain', 'Content-Type: text/plain', 'Unparsed Body'],
    ['no type', 'X: y', 'Unparsed Body'],
    ['a form without the argument', 'Content-Type: application/x-www-form-urlencoded', 'Bad Request'],
  ])('can be told from a missing argument: %s [HU-10]', (_what, field, reason) =>
    withApp([['/', Needs]], async ({ port }) => {
      const received = await converse(port, post('b=1', field, 'Connection: close'));
      expect(received).toMatch(new RegExp(`^HTTP/1.1 400 ${reason}\r\n`));
    }),
  );
});

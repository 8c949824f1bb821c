import * as v from 'valibot';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { RequestHandler } from '../../src/index.ts';
import { ask, bodyOf, headerOf, RawClient, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

const person = z.object({
  name: z.string().min(1),
  age: z.coerce.number().int(),
  tags: z.array(z.string()).default([]),
});

class Zod extends RequestHandler {
  override post(): void {
    const parsed = this.parse(person);
    expectTypeOf(parsed).toEqualTypeOf<{ name: string; age: number; tags: string[] }>();
    this.writeJson(parsed, { status: 201 });
  }

  override get(): void {
    this.writeJson(
      this.parseQuery(z.object({ page: z.coerce.number(), tag: z.array(z.string()).optional() })),
    );
  }
}

class Valibot extends RequestHandler {
  override async post(): Promise<void> {
    const schema = v.pipeAsync(
      v.object({ name: v.string() }),
      v.checkAsync(async ({ name }) => name !== 'taken', 'is taken'),
    );
    if (this.getQueryArgument('sync', '') !== '') this.parse(schema as never);
    this.writeJson([await this.parseAsync(schema)]);
  }
}

async function post(port: number, path: string, body: string, ...fields: readonly string[]): Promise<string> {
  const head = [
    `POST ${path} HTTP/1.1`,
    'Host: a',
    'Connection: close',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  const client = await RawClient.connect(port, `${[...head, ...fields].join('\r\n')}\r\n\r\n${body}`);
  return client.untilEnd();
}

const FORM = 'Content-Type: application/x-www-form-urlencoded';

describe('parse', () => {
  it('returns what a schema makes of a JSON body or a form', () =>
    withApp([['/', Zod]], async ({ port }) => {
      const made = await post(port, '/', '{"name":"Ada","age":36,"tags":["x"]}');
      expect([statusOf(made), headerOf(made, 'Content-Type')]).toEqual([
        201,
        'application/json; charset=UTF-8',
      ]);
      expect(JSON.parse(bodyOf(made))).toEqual({ name: 'Ada', age: 36, tags: ['x'] });
      expect(JSON.parse(bodyOf(await post(port, '/', 'name=Ada&age=36&tags=x&tags=y', FORM)))).toEqual({
        name: 'Ada',
        age: 36,
        tags: ['x', 'y'],
      });
      expect(JSON.parse(bodyOf(await ask(port, '/?page=2&tag=a&tag=b')))).toEqual({
        page: 2,
        tag: ['a', 'b'],
      });
    }));

  it('refuses what does not fit with 422 and the issues, and what is no JSON with 400', () =>
    withApp([['/', Zod]], async ({ port, log }) => {
      const refused = await post(port, '/', '{"name":"","age":"x"}', 'Accept: application/json');
      expect([statusOf(refused), headerOf(refused, 'Content-Type')]).toEqual([
        422,
        'application/problem+json; charset=UTF-8',
      ]);
      expect(JSON.parse(bodyOf(refused))).toMatchObject({
        type: 'about:blank',
        title: 'Unprocessable Content',
        status: 422,
        instance: '/',
        errors: [
          { path: ['name'], message: expect.any(String) },
          { path: ['age'], message: expect.any(String) },
        ],
      });
      expect(bodyOf(await post(port, '/', '{"name":""}'))).toContain(
        '<p>The input does not have the expected form.</p>',
      );
      expect(statusOf(await post(port, '/', '{"name":'))).toBe(400);
      expect(statusOf(await post(port, '/', 'name=%zz', FORM))).toBe(400);
      expect(log.records.every(({ level }) => level === 'warn')).toBe(true);
    }));

  it('waits for an asynchronous schema with parseAsync, and says so otherwise', () =>
    withApp([['/', Valibot]], async ({ port, log }) => {
      expect(bodyOf(await post(port, '/', '{"name":"Ada"}'))).toBe('[{"name":"Ada"}]');
      expect(statusOf(await post(port, '/', '{"name":"taken"}'))).toBe(422);
      expect(statusOf(await post(port, '/?sync=1', '{"name":"Ada"}'))).toBe(500);
      expect(log.records.at(-1)?.error).toMatchObject({ message: expect.stringContaining('use parseAsync') });
    }));

  it('keeps keys such as __proto__ as plain data [ATT-74]', () =>
    withApp([['/', Zod]], async ({ port }) => {
      const answer = await post(port, '/', 'name=a&age=1&__proto__=x&constructor=y', FORM);
      expect(JSON.parse(bodyOf(answer))).toEqual({ name: 'a', age: 1, tags: [] });
    }));
});

describe('an error page', () => {
  it('is a problem document only if the client prefers JSON', () =>
    withApp([['/', Zod]], async ({ port }) => {
      const typeFor = async (accept: string): Promise<string | undefined> =>
        headerOf(await ask(port, '/nowhere', 'GET', `Accept: ${accept}`), 'Content-Type')?.split(';')[0];
      expect(await typeFor('application/json')).toBe('application/problem+json');
      expect(await typeFor('application/problem+json')).toBe('application/problem+json');
      expect(await typeFor('text/html;q=0.5, application/json')).toBe('application/problem+json');
      for (const accept of ['*/*', 'text/html, application/json;q=0.9', 'image/png', 'application/json;q=0'])
        expect([accept, await typeFor(accept)]).toEqual([accept, 'text/html']);
    }));
});

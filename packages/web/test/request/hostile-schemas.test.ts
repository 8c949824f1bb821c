import { describe, expect, it } from 'vitest';
import { RequestHandler, type Schema } from '../../src/index.ts';
import { ask, bodyOf, converse, requestText, statusesOf, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

const schemaOf = (validate: unknown): Schema =>
  ({ '~standard': { version: 1, vendor: 'test', validate } }) as never;

const bad = (path: unknown, message: unknown = 'bad') => ({
  issues: [{ path, message }],
});

/** What a schema may do, and the status that follows. */
const SCHEMAS: ReadonlyArray<readonly [what: string, validate: unknown, status: number]> = [
  [
    'throws',
    () => {
      throw new Error('bug');
    },
    500,
  ],
  [
    'throws nothing',
    () => {
      throw undefined;
    },
    500,
  ],
  ['returns undefined', () => undefined, 500],
  ['returns null', () => null, 500],
  ['returns text', () => 'issues', 500],
  ['returns a number', () => 7, 500],
  ['returns an empty object', () => ({}), 200],
  ['has issues that are text', () => ({ issues: 'none' }), 500],
  ['has issues that are a number', () => ({ issues: 5 }), 500],
  ['has issues that are null', () => ({ issues: null }), 500],
  ['has no issues at all', () => ({ issues: [] }), 422],
  ['has an issue that is undefined', () => ({ issues: [undefined] }), 422],
  ['has an issue without a message', () => bad(['a'], undefined), 422],
  ['has a message that is an object', () => bad(['a'], { toString: () => 'x' }), 422],
  ['has a message with line ends', () => bad(['a'], 'x\r\n[E] forged'), 422],
  ['has a path that is text', () => bad('abc'), 422],
  ['has a path that is null', () => bad(null), 422],
  ['has a path with null', () => bad([null]), 422],
  ['has a path with a symbol', () => bad([Symbol('s'), { key: Symbol('t') }]), 422],
  ['has a path with an object', () => bad([{}, { key: { toString: 5 } }]), 422],
  [
    'has 100,000 issues',
    () => ({
      issues: Array.from({ length: 100_000 }, () => ({ message: 'x' })),
    }),
    422,
  ],
  ['has a long message', () => bad(['a'], 'x'.repeat(1_000_000)), 422],
  [
    'has issues whose getters throw',
    () => ({
      get issues() {
        throw new Error('getter');
      },
    }),
    500,
  ],
];

describe('a schema that is wrong', () => {
  it.each(SCHEMAS)('because it %s is the right status and one record', async (_what, validate, status) => {
    class Parses extends RequestHandler {
      override get(): void {
        this.writeJson({ got: this.parseQuery(schemaOf(validate)) ?? null });
      }
      override async post(): Promise<void> {
        this.request.body = Buffer.from('{}');
        this.writeJson({
          got: (await this.parseAsync(schemaOf(validate))) ?? null,
        });
      }
    }
    await withApp([['/', Parses]], async ({ port, log }) => {
      for (const method of ['GET', 'POST']) {
        const received = await converse(
          port,
          requestText('/?a=1', method, 'Accept: application/json'),
          requestText('/?a=1', method, 'Connection: close'),
        );
        expect(statusesOf(received)).toEqual([status, status]);
        expect(received.length).toBeLessThan(100_000);
        const records = log.records.splice(0);
        // Mistakes of clients are counted after the first.
        expect(records.length).toBeLessThanOrEqual(2);
        expect(records.every(({ level }) => level === (status === 500 ? 'error' : 'warn'))).toBe(true);
        for (const { message } of records) {
          expect(message.length).toBeLessThan(10_000);
          expect(message).not.toMatch(/[\r\n]/);
        }
      }
    });
  });

  it.each([undefined, null, 'text', {}, { '~standard': null }, { '~standard': { validate: 'no' } }])(
    'because it is none (%o) is a 500 that says so',
    async (schema) => {
      class Parses extends RequestHandler {
        override get(): void {
          this.parseQuery(schema as never);
        }
      }
      await withApp([['/', Parses]], async ({ port, log }) => {
        expect(statusOf(await ask(port, '/'))).toBe(500);
        expect(log.records[0]?.error).toMatchObject({ code: 'ERR_WEB_USAGE' });
      });
    },
  );

  it('and says which of its results is wrong, in an error of ours', async () => {
    class Parses extends RequestHandler {
      override get(): void {
        this.parseQuery(schemaOf(() => undefined));
      }
    }
    await withApp([['/', Parses]], async ({ port, log }) => {
      expect(bodyOf(await ask(port, '/'))).toContain('500');
      expect(log.records[0]?.error).toMatchObject({
        code: 'ERR_WEB_USAGE',
        message: expect.stringContaining(
          'parse: a schema that returns an object with a value or issues was expected, not undefined',
        ),
      });
    });
  });
});

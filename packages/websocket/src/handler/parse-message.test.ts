import type { Schema } from '@landspout/web';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { WebSocketMessageError } from '../connection/errors.ts';
import { parseMessage, parseMessageAsync } from './parse-message.ts';

type Issue = {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[];
};

/** A schema of Standard Schema that returns what `validate` does. */
function schemaOf<Output>(
  validate: (value: unknown) => { value: Output } | { issues: readonly Issue[] } | Promise<{ value: Output }>,
): Schema<Output> {
  return { '~standard': { version: 1, vendor: 'test', validate } };
}

const upper = schemaOf((value) => ({ value: String((value as { text: string }).text).toUpperCase() }));
const refusing = (...issues: readonly Issue[]) => schemaOf<string>(() => ({ issues }));

/** The error that a call throws. */
function thrownBy(call: () => unknown): WebSocketMessageError {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(WebSocketMessageError);
    return error as WebSocketMessageError;
  }
  throw new Error('nothing was thrown');
}

describe('parseMessage', () => {
  it('returns the value of JSON, or the output of a schema, with its type [WS-03]', () => {
    const value = parseMessage('{"text":"hello","list":[1]}');
    expectTypeOf(value).toEqualTypeOf<unknown>();
    expect(value).toEqual({ text: 'hello', list: [1] });
    const output = parseMessage('{"text":"hello"}', upper);
    expectTypeOf(output).toEqualTypeOf<string>();
    expect(output).toBe('HELLO');
  });

  it.each(['hello', '', '{"text":', "{'text':1}"])(
    'refuses %j, which is not JSON, and does not quote it [WS-06]',
    (text) => {
      const error = thrownBy(() => parseMessage(text));
      expect(error).toMatchObject({
        code: 'ERR_WEBSOCKET_BAD_MESSAGE',
        message: 'parseMessage: the message must be JSON',
        closeCode: 1007,
        closeReason: 'the message must be JSON',
        issues: [],
      });
      expect(error.cause).toBeUndefined();
    },
  );

  it('refuses JSON that is nested too deeply [WS-06]', () => {
    const nested = `${'['.repeat(2_000)}${']'.repeat(2_000)}`;
    expect(thrownBy(() => parseMessage(nested)).message).toMatch(/must not have more than 512 levels$/);
  });

  it('refuses a binary message with 1003 (RFC 6455 §7.4.1) [WS-06]', () => {
    const error = thrownBy(() => parseMessage(Buffer.from('{}')));
    expect([error.closeCode, error.closeReason]).toEqual([1003, 'the message must be text, but is binary']);
  });

  it('names the first field that does not fit, and lists all [WS-06]', () => {
    const schema = refusing(
      { message: 'must be a number', path: ['items', { key: 0 }, 'price'] },
      { message: 'is missing', path: ['name'] },
    );
    const error = thrownBy(() => parseMessage('{}', schema));
    expect(error.message).toBe('parseMessage: items.0.price: must be a number');
    expect(error.closeReason).toBe('invalid: items.0.price');
    expect(error.issues).toEqual([
      { path: ['items', 0, 'price'], message: 'must be a number' },
      { path: ['name'], message: 'is missing' },
    ]);
    const whole = thrownBy(() => parseMessage('5', refusing({ message: 'must be an object' })));
    expect([whole.message, whole.closeReason]).toEqual([
      'parseMessage: the message: must be an object',
      'the message is invalid',
    ]);
  });

  it('clips the reason to what a close frame can hold, between characters [WS-06]', () => {
    const { closeReason } = thrownBy(() =>
      parseMessage('{}', refusing({ message: 'no', path: ['€'.repeat(90)] })),
    );
    expect(closeReason).toBe(`invalid: ${'€'.repeat(38)}`);
    expect(Buffer.byteLength(closeReason)).toBe(123);
  });

  it('validates with parseMessageAsync if the schema is asynchronous [WS-03]', async () => {
    const later = schemaOf(async (value) => ({ value: [value] }));
    const output = parseMessageAsync('1', later);
    expectTypeOf(output).toEqualTypeOf<Promise<unknown[]>>();
    expect(await output).toEqual([1]);
    expect(await parseMessageAsync('{"text":"x"}', upper)).toBe('X');
    await expect(parseMessageAsync('no', later)).rejects.toThrow(
      'parseMessageAsync: the message must be JSON',
    );
    await expect(parseMessageAsync('1', refusing({ message: 'no' }))).rejects.toBeInstanceOf(
      WebSocketMessageError,
    );
    expect(() => parseMessage('1', later)).toThrow(
      'parseMessage: the schema is asynchronous; use parseMessageAsync',
    );
  });

  it('refuses what is not a message or not a schema, as mistakes of the program', async () => {
    expect(() => parseMessage(null as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_WEBSOCKET_BAD_OPTION',
        message: expect.stringContaining('parseMessage: message must be a string or a Uint8Array, got null'),
      }),
    );
    for (const schema of [undefined, null, {}, 'x']) {
      const expected = expect.objectContaining({ code: 'ERR_WEB_USAGE' });
      expect(() => parseMessage('1', schema as never)).toThrow(expected);
      await expect(parseMessageAsync('1', schema as never)).rejects.toThrow(expected);
    }
  });
});

describe('WebSocketMessageError', () => {
  it('has the code and reason for the close frame, and refuses codes that are never sent [WS-06]', () => {
    const cause = new Error('cause');
    const error = new WebSocketMessageError('no', { closeCode: 4000, closeReason: 'x', cause });
    expect(error).toMatchObject({ closeCode: 4000, closeReason: 'x', issues: [], cause });
    expect(() => new WebSocketMessageError('no', { closeCode: 1006 })).toThrow(
      expect.objectContaining({ code: 'ERR_WEBSOCKET_UNSENDABLE_CLOSE' }),
    );
  });
});

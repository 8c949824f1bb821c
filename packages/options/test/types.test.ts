import { describe, expect, expectTypeOf, it } from 'vitest';
import { defineOptions, type OptionDefinitions } from '../src/index.ts';

const shared = {
  level: { type: 'string', choices: ['info', 'error'], default: 'info', group: 'logging' },
} as const satisfies OptionDefinitions;

const options = defineOptions(
  {
    ...shared,
    port: { type: 'integer', default: 8888, min: 0, max: 65_535, validate: (port) => void port.toFixed() },
    ratio: { type: 'number' },
    name: { type: 'string', required: true },
    mode: { type: 'string', choices: ['fast', 'safe'] },
    zoom: { type: 'integer', choices: [1, 2, 4], default: 1 },
    peers: { type: 'url', multiple: true, onParsed: (peers) => void peers.length },
    parts: { type: 'string', choices: ['a', 'b'], multiple: true, default: ['a'] },
    verbose: { type: 'boolean' },
    since: { type: 'date', onParsed: (since) => void since.getTime() },
    timeout: { type: 'duration', default: '30s' },
    limit: { type: 'size', default: '10MiB', group: 'application' },
    home: { type: 'url', default: 'https://a.example/' },
  },
  { validate: (values) => (values.port === 1 ? `not with ${values.mode}` : undefined) },
);

describe('the type of the values', () => {
  const { values } = options.parse({ argv: ['--name=x'], env: {} });

  it('follows from the definitions [OP-01]', () => {
    expectTypeOf(values).toEqualTypeOf<{
      readonly level: 'info' | 'error';
      readonly port: number;
      readonly ratio: number | undefined;
      readonly name: string;
      readonly mode: 'fast' | 'safe' | undefined;
      readonly zoom: 1 | 2 | 4;
      readonly peers: readonly URL[];
      readonly parts: readonly ('a' | 'b')[];
      readonly verbose: boolean;
      readonly since: Date | undefined;
      readonly timeout: number;
      readonly limit: number;
      readonly home: URL;
    }>();
    expect(values).toEqual({
      ...{ level: 'info', port: 8888, ratio: undefined, name: 'x', mode: undefined, zoom: 1, peers: [] },
      ...{ parts: ['a'], verbose: false, since: undefined, timeout: 30_000, limit: 10_485_760 },
      home: new URL('https://a.example/'),
    });
  });

  it('is that of a group for `group`', () => {
    const parsed = options.parse({ argv: ['--name=x'], env: {} });
    expectTypeOf(parsed.group('logging')).toEqualTypeOf<{ readonly level: 'info' | 'error' }>();
    expectTypeOf(parsed.group('application')).toEqualTypeOf<{ readonly limit: number }>();
    expect(parsed.group('application')).toEqual({ limit: 10_485_760 });
    expect(parsed.group('nothing')).toEqual({});
  });

  it('is that of both sets after `extend`', () => {
    const more = options.extend({ extra: { type: 'integer', required: true } });
    const extended = more.parse({ argv: ['--name=x', '--extra=1'], env: {} }).values;
    expectTypeOf(extended.extra).toEqualTypeOf<number>();
    expectTypeOf(extended.level).toEqualTypeOf<'info' | 'error'>();
    expect(extended.extra).toBe(1);
  });

  it('has no property that is not defined, and none can be assigned', () => {
    // @ts-expect-error: there is no such option.
    expect(values.prot).toBeUndefined();
    expect(() => {
      // @ts-expect-error: values are read-only.
      values.port = 1;
    }).toThrow(TypeError);
    expect(() => {
      // @ts-expect-error: lists are read-only.
      values.parts.push('b');
    }).toThrow(TypeError);
  });
});

describe('the compiler', () => {
  it('refuses definitions that do not fit their type', () => {
    const refused = (define: () => unknown): void =>
      expect(define).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS_USAGE' }));
    refused(() =>
      defineOptions({
        // @ts-expect-error: a misspelt field.
        port: { type: 'integer', hlep: 'x' },
      }),
    );
    refused(() =>
      defineOptions({
        // @ts-expect-error: an unknown type.
        port: { type: 'int' },
      }),
    );
    refused(() =>
      defineOptions({
        // @ts-expect-error: a default of another type.
        port: { type: 'integer', default: 'x' },
      }),
    );
    refused(() =>
      defineOptions({
        // @ts-expect-error: a field of another type of option.
        port: { type: 'integer', pattern: /x/ },
      }),
    );
    refused(() =>
      defineOptions({
        // @ts-expect-error: a list as the default of a single value.
        name: { type: 'string', default: ['x'] },
      }),
    );
    refused(() =>
      defineOptions({
        // @ts-expect-error: a single value as the default of a list.
        names: { type: 'string', multiple: true, default: 'x' },
      }),
    );
    refused(() =>
      defineOptions(
        {},
        // @ts-expect-error: a misspelt setting.
        { programme: 'x' },
      ),
    );
  });
});

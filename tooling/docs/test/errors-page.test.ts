import { describe, expect, it } from 'vitest';
import { readErrorTables } from '../error-tables.mjs';
import { errorsPage } from '../errors-page.mjs';

const SOURCE = `
/** What a stream
 * refuses. */
export const STREAM_ERRORS = {
  ERR_STREAM_CLOSED: { meaning: 'It is closed; ' + 'see the cause.' },
  ERR_STREAM_BUSY: { meaning: 'a | b', status: 409 },
} as const satisfies Record<string, { meaning: string; status?: number }>;
type StreamErrorCode = keyof typeof STREAM_ERRORS;
export class StreamClosedError extends CodedError<'ERR_STREAM_CLOSED'> {}
export class StreamUsageError extends CodedError<Exclude<StreamErrorCode, 'ERR_STREAM_CLOSED'>> {}
const LIMITS = { ERR_not: 1 };
`;

const read = (source: string) => readErrorTables([{ file: 'errors.ts', source }]);

describe('readErrorTables', () => {
  it('reads the facts of each code, and nothing from other tables', () => {
    const { tables } = read(SOURCE);
    expect(tables.map(({ name, about }) => [name, about])).toEqual([
      ['STREAM_ERRORS', 'What a stream refuses.'],
    ]);
    expect(Object.fromEntries(tables[0]?.codes ?? [])).toEqual({
      ERR_STREAM_CLOSED: { meaning: 'It is closed; see the cause.' },
      ERR_STREAM_BUSY: { meaning: 'a | b', status: '409' },
    });
  });

  it('finds the codes of a class through literals, aliases and Exclude', () => {
    expect(Object.fromEntries(read(SOURCE).classes)).toEqual({
      StreamClosedError: ['ERR_STREAM_CLOSED'],
      StreamUsageError: ['ERR_STREAM_BUSY'],
    });
  });
});

describe('a base class with a type parameter for its codes', () => {
  it('has the codes of its default that no subclass has', () => {
    const { classes } = read(`
      const A_ERRORS = { ERR_A_X: { meaning: 'x' }, ERR_A_Y: { meaning: 'y' }, ERR_A_Z: { meaning: 'z' } };
      class AError<Code extends string = keyof typeof A_ERRORS> extends CodedError<Code> {}
      class XError extends AError<'ERR_A_X'> {}
      class YError extends AError<'ERR_A_Y'> {}
    `);
    expect(Object.fromEntries(classes)).toEqual({
      AError: ['ERR_A_Z'],
      XError: ['ERR_A_X'],
      YError: ['ERR_A_Y'],
    });
  });
});

describe('errorsPage', () => {
  it('writes one row for each code, with its class and its facts', () => {
    const page = errorsPage([{ name: '@landspout/iostream', ...read(SOURCE) }]);
    expect(page).toContain(
      '## @landspout/iostream\n\nWhat a stream refuses.\n\n| Code | Class | Meaning | Status |\n| --- | --- | --- | --- |\n' +
        '| `ERR_STREAM_CLOSED` | `StreamClosedError` | It is closed; see the cause. |  |\n' +
        '| `ERR_STREAM_BUSY` | `StreamUsageError` | a \\| b | 409 |\n',
    );
  });

  it('refuses a code that stands in two tables', () => {
    const layer = read(SOURCE);
    const twice = () =>
      errorsPage([
        { name: 'one', ...layer },
        { name: 'two', ...layer },
      ]);
    expect(twice).toThrow('ERR_STREAM_CLOSED is in a table of one and in another of two');
  });
});

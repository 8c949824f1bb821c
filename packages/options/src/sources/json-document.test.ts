import { describe, expect, it } from 'vitest';
import { JsonProblem, readJsonDocument } from './json-document.ts';

describe('readJsonDocument', () => {
  it('reads the members of an object with their lines', () => {
    const text =
      '{\n  "port": 8888,\n  "names": ["a", "b\\u0021"],\r\n\n  "ratio": -1.5e3, "on": true, "off": null\n}\n';
    expect(readJsonDocument(text)).toEqual([
      { name: 'port', value: 8888, line: 2 },
      { name: 'names', value: ['a', 'b!'], line: 3 },
      { name: 'ratio', value: -1500, line: 5 },
      { name: 'on', value: true, line: 5 },
      { name: 'off', value: null, line: 5 },
    ]);
  });

  it.each(['{}', ' { } ', '{"a":[]}', '{"a":"\\"}"}'])('reads %s as JSON.parse does', (text) => {
    const members = readJsonDocument(text) as readonly { name: string; value: unknown }[];
    expect(Object.fromEntries(members.map(({ name, value }) => [name, value]))).toEqual(JSON.parse(text));
  });

  it.each([
    ['', 1, 'an object of options in braces'],
    ['[]', 1, 'an object of options in braces'],
    ['{', 1, 'the name of an option in double quotes'],
    ['{"a"}', 1, 'a colon'],
    ['{"a":\n\n}', 3, 'a value was expected'],
    ['{"a":1\n"b":2}', 2, 'a comma or } was expected'],
    ['{"a":1,\n}', 2, 'a comma must not be before }'],
    ['{"a":[1,]}', 1, 'a comma must not be before ]'],
    ['{"a":[1', 1, 'a comma or ] was expected'],
    ['{"a":{"b":1}}', 1, 'no nested object or list'],
    ['{"a":[[1]]}', 1, 'no nested object or list'],
    ['{"a":1,"a":2}', 1, 'the same option is there twice'],
    ['{"a":"x\n"}', 1, 'the closing quote'],
    ['{"a":"\\x"}', 1, 'an escape'],
    ['{"a":01}', 1, 'a number, true or false'],
    ['{"a":truer}', 1, 'a number, true or false'],
    ['{"a":TRUE}', 1, 'a number, true or false'],
    ["{'a':1}", 1, 'the name of an option in double quotes'],
    ['{\n// why\n"a":1}', 2, 'comments are not allowed'],
    ['{"a":1} x', 1, 'nothing was expected after the object'],
  ])('refuses %j, with the line', (text, line, message) => {
    expect(readJsonDocument(text)).toMatchObject({ line, message: expect.stringContaining(message) });
  });

  it('says nothing of the text', () => {
    const secret = 'hunter2';
    for (const text of [
      secret,
      `{"a":${secret}}`,
      `{${secret}}`,
      `{"a":"${secret}`,
      `{"${secret}":1,"${secret}":1}`,
    ]) {
      const problem = readJsonDocument(text);
      expect(problem).toBeInstanceOf(JsonProblem);
      expect((problem as JsonProblem).message).not.toContain(secret);
    }
  });

  it('agrees with JSON.parse about what is valid, wherever a valid text is cut', () => {
    const text = '{"a": [1, "x\\n", true], "b": -0.5}';
    for (let end = 0; end < text.length; end += 1) {
      expect(readJsonDocument(text.slice(0, end))).toBeInstanceOf(JsonProblem);
    }
  });
});

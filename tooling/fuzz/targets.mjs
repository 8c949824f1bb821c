/**
 * What can be fuzzed. A target's module exports `check(input)`, which throws where a property does not hold; `seeds()`,
 * the inputs to begin with; and `caseToText` and `caseFromText`, which write an input as one line and read it again.
 *
 * @typedef {object} Target
 * @property {string} module - its TypeScript source, from the root of the repository.
 * @property {string} covered - the folder whose branches guide the search.
 * @property {string} corpus - inputs that were kept, one on a line.
 * @property {boolean} saves - whether `--save` may write them anew.
 * @property {number} headerBytes - bytes in front of an input that choose how the rest is read.
 * @property {readonly string[]} words - what means something to the grammar, with latin1 characters for bytes.
 */

const HTTP1_WORDS = [
  '\r\n',
  '\r\n\r\n',
  '\n',
  '\r',
  '\0',
  '\x7f',
  '\xff',
  ' ',
  '\t',
  ': ',
  ';',
  ',',
  '"',
  '\\',
  '=',
  '#',
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\n',
  'CONNECT a:443 HTTP/1.1\r\n',
  'OPTIONS * HTTP/1.1\r\n',
  'HTTP/1.0',
  'HTTP/1.1 ',
  'HTTP/1.1 200 OK\r\n',
  'HTTP/1.1 204 \r\n',
  'HTTP/1.1 304 \r\n',
  'HTTP/1.1 100 \r\n\r\n',
  'HTTP/1.1 101 \r\n',
  'HTTP/2.0',
  'http://a:80/',
  'https://[::1]',
  'Host: a\r\n',
  'Host: [1::2:1.2.3.4]:80\r\n',
  'Content-Length: 3\r\n',
  'Content-Length: 3, 3\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: close\r\n',
  'Connection: keep-alive, Upgrade\r\n',
  'Upgrade: x\r\n',
  'Expect: 100-continue\r\n',
  'Trailer: x\r\n',
  'Date: x\r\n',
  'X: y\r\n',
  '0\r\n\r\n',
  '3\r\nabc\r\n',
  '2;a=b;c="d\\"e" ; f\r\nxy\r\n',
  '9007199254740991',
  '9007199254740992',
  '1fffffffffffff',
  'ffffffffffffffff',
  '65535',
  '65536',
];

/** @type {ReadonlyMap<string, Target>} */
export const TARGETS = new Map([
  [
    'http1',
    {
      module: 'packages/http1/testdata/fuzz-target.ts',
      covered: 'packages/http1/src/protocol/',
      corpus: 'packages/http1/testdata/fuzz-corpus.txt',
      saves: true,
      headerBytes: 3,
      words: HTTP1_WORDS,
    },
  ],
  [
    'node-parser',
    {
      module: 'packages/http1/testdata/differential-target.ts',
      covered: 'packages/http1/src/protocol/',
      corpus: 'packages/http1/testdata/fuzz-corpus.txt',
      saves: false,
      headerBytes: 3,
      words: HTTP1_WORDS,
    },
  ],
]);

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOM } from './bundle.ts';

/** What a program may write, in a project with the types of the DOM, with those of Node, or with none. */
const PROGRAM = `
import { readTopic, TopicsClient, TopicsError } from './index.ts';
const topics = new TopicsClient('https://example.com/live', {
  transports: ['websocket', 'long-poll'],
  onState: ({ state, transport, retryInMs }) => void [state, transport, retryInMs],
});
interface Message { readonly text: string }
const room = topics.subscribe<Message>('room:1', {
  last: 20,
  onRecord: ({ text }, cursor) => void [text.length, cursor.length],
  onGap: ({ reason, cursor }) => void [reason, cursor],
  onEnd: ({ how, result }) => void [how, result],
  onError: (error) => void (error instanceof TopicsError && error.code === 'ERR_TOPICS_REFUSED'),
});
const cursor: string | undefined = room.cursor;
// @ts-expect-error: it is for runs alone.
room.cancel();
const how: Promise<string> = topics.run<string>('run').cancel();
const published: Promise<string> = topics.publish('room:1', { text: 'hello' }, { timeoutMs: 1_000 });
export async function read(): Promise<string[]> {
  const texts: string[] = [];
  for await (const event of readTopic<Message>(topics, 'room:1', { after: 'start' }))
    if (event.kind === 'record') texts.push(event.data.text);
  return texts;
}
// @ts-expect-error: there is no such option.
new TopicsClient('/live', { transport: 'websocket' });
export { cursor, how, published };
`;

/** What needs the types of the platform. */
const WITH_PLATFORM = `
const controller = new AbortController();
void topics.publish('room:1', 1, { signal: controller.signal });
new TopicsClient('/live', { WebSocket, fetch });
new TopicsClient('/live', { fetch: (url, init) => fetch(url, { ...init, credentials: 'include' }) });
`;

const require = createRequire(import.meta.url);

/** Compiles the room and a program with it, and returns what is wrong. */
async function problemsOf(program: string, options: readonly string[]): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'landspout-declarations-'));
  try {
    const file = path.join(folder, 'program.mts');
    writeFileSync(file, program.replace('./index.ts', path.join(ROOM, 'index.ts').replaceAll('\\', '/')));
    const manifest = require.resolve('typescript/package.json');
    const tsc = path.join(path.dirname(manifest), require(manifest).bin.tsc);
    const args = [tsc, ...STRICT, ...options, file];
    return await new Promise((resolve) => {
      execFile(process.execPath, args, { cwd: folder }, (error, stdout, stderr) =>
        resolve(error === null ? '' : `${stdout}${stderr}` || String(error)),
      );
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Where the types of Node are. */
const TYPES = path.join(path.dirname(require.resolve('@types/node/package.json')), '..');

const STRICT = [
  ...['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--noEmit'],
  ...[
    '--allowImportingTsExtensions',
    '--target',
    'es2022',
    '--module',
    'esnext',
    '--moduleResolution',
    'bundler',
  ],
];

describe('The types of TopicsClient', () => {
  it.each([
    ['of the language alone', ['--lib', 'es2022', '--types', '']],
    ['of the DOM', ['--lib', 'es2022,dom', '--types', '']],
    ['of workers', ['--lib', 'es2022,webworker', '--types', '']],
    ['of Node', ['--lib', 'es2023', '--types', 'node', '--typeRoots', TYPES, '--skipLibCheck']],
    [
      'of the DOM and of Node',
      ['--lib', 'es2022,dom', '--types', 'node', '--typeRoots', TYPES, '--skipLibCheck'],
    ],
  ])('can be used with those %s', async (name, options) => {
    const program = name === 'of the language alone' ? PROGRAM : PROGRAM + WITH_PLATFORM;
    expect(await problemsOf(program, options)).toBe('');
  });

  it('are checked by that', async () => {
    const problems = await problemsOf(`${PROGRAM}topics.publish(1, 2);`, ['--lib', 'es2022', '--types', '']);
    expect(problems).toContain("'number' is not assignable to parameter of type 'string'");
  });
});

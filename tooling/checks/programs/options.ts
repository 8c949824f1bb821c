// options alone: values and their types, what is refused, secrets that are masked, and a log file of options.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { IOLoop } from '@landspout/ioloop';
import { LogFileError, openLogFile } from '@landspout/ioloop/logging';
import {
  defineOptions,
  loggerOf,
  loggingOptions,
  OptionsError,
  OptionsHelpError,
  OptionsUsageError,
  serverOptions,
} from '@landspout/options';

const folder = mkdtempSync(path.join(tmpdir(), 'landspout-options-'));
const options = defineOptions(
  {
    ...serverOptions,
    ...loggingOptions,
    mode: { type: 'string', choices: ['fast', 'safe'], default: 'safe' },
    timeout: { type: 'duration', default: '30s', max: '1h' },
    ids: { type: 'integer', multiple: true, onParsed: (ids) => assert.equal(ids.length, 3) },
    password: { type: 'string', secret: true, required: true },
    since: { type: 'date' },
  },
  { program: 'app', envPrefix: 'APP' },
);
try {
  writeFileSync(path.join(folder, 'password'), 'hunter2\n');
  writeFileSync(path.join(folder, 'app.json'), '{"ids": [1, 2, 3], "mode": "fast"}');
  const argv = [
    `--config=${folder}/app.json`,
    '--timeout=1m 30s',
    `--log-file-prefix=${folder}/app.log`,
    '--',
    'x',
  ];
  const parsed = options.parse({ argv, env: { APP_PASSWORD_FILE: `${folder}/password`, PORT: '0' } });
  const { values, rest } = parsed;
  const mode: 'fast' | 'safe' = values.mode;
  const timeout: number = values.timeout;
  const ids: readonly number[] = values.ids;
  const password: string = values.password;
  // @ts-expect-error: it may be undefined.
  const since: Date = values.since;
  // @ts-expect-error: there is no such option.
  assert.equal(values.prot, undefined);
  assert.deepEqual(
    [mode, timeout, ids, password, since, rest],
    ['fast', 90_000, [1, 2, 3], 'hunter2', undefined, ['x']],
  );
  assert.doesNotMatch(
    inspect(parsed, { depth: 9 }) + JSON.stringify(values) + parsed.explainText(),
    /hunter2/,
  );
  assert.equal(options.values, values);

  const refused = (...given: string[]) => options.parse({ argv: given, env: {} });
  assert.throws(
    () => refused('--mode=slow', '--prot=1'),
    (error) => error instanceof OptionsError && error.problems.length === 3,
  );
  assert.throws(
    () => refused('--help'),
    (error) => error instanceof OptionsHelpError && /--timeout/.test(error.text),
  );
  // @ts-expect-error: a default of another type.
  assert.throws(() => defineOptions({ port: { type: 'integer', default: 'x' } }), OptionsUsageError);

  await using logger = await loggerOf(values);
  logger.info({ options: values }, 'started');
  await logger.file?.flush();
  assert.match(readFileSync(path.join(folder, 'app.log'), 'utf8'), /"password":"\(masked\)"/);
  await assert.rejects(openLogFile({ path: path.join(folder, 'none/app.log') }), LogFileError);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${IOLoop.current().backend} backend`);

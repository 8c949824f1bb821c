// `pnpm soak` fetches for half an hour on each backend from servers that are killed, frozen and reset at random, and
// checks what became of every fetch. See packages/httpclient/test/soak/. The soaks of TLS are in tls.mjs, those of
// topics in topics/.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'vite';
import { soakTls, TLS_PATHS, TLS_SOAKS } from './tls.mjs';
import { soakTopicsFaults } from './topics/faults.mjs';

const USAGE = `usage: pnpm soak [--minutes 30] [--seed 1] [--concurrency 24] [--backend native|portable]
       pnpm soak tls-churn [--connections 10000] [--seed 1] [--path native|node-tls|portable]
       pnpm soak tls-storm [--connections 5000] [--path native|node-tls|portable]
       pnpm soak topics-faults [--clients 5000] [--only text] [--markdown]`;
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PROGRAM = 'packages/httpclient/test/soak/long-soak.ts';
const CONDITIONS = ['@landspout/source', 'node', 'import', 'default'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string', default: '1' },
    concurrency: { type: 'string', default: '24' },
    backend: { type: 'string' },
    connections: { type: 'string' },
    path: { type: 'string' },
    clients: { type: 'string', default: '5000' },
    only: { type: 'string', default: '' },
    markdown: { type: 'boolean', default: false },
  },
});
const [minutes, seed, concurrency] = [values.minutes, values.seed, values.concurrency].map(Number);
const [name] = positionals;
const tlsSoak = TLS_SOAKS.find((known) => known === name);
if (tlsSoak !== undefined) {
  const connections = Number(values.connections ?? (tlsSoak === 'tls-churn' ? 10_000 : 5_000));
  const paths = TLS_PATHS.filter((path) => values.path === undefined || path === values.path);
  if (connections > 0 && paths.length > 0)
    process.exit(await soakTls(tlsSoak, { connections, seed: Number(seed), paths }));
}
const clients = Number(values.clients);
if (name === 'topics-faults' && Number.isInteger(clients) && clients > 0) {
  process.exit(await soakTopicsFaults({ clients, only: values.only, isMarkdown: values.markdown }));
}
const backends = values.backend === undefined ? ['native', 'portable'] : [values.backend];
const isValid =
  name === undefined &&
  Number(minutes) > 0 &&
  Number.isInteger(seed) &&
  Number.isInteger(concurrency) &&
  Number(concurrency) > 0;
if (!isValid || !backends.every((backend) => ['native', 'portable'].includes(backend))) {
  console.error(USAGE);
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'landspout-soak-'));
try {
  const file = join(folder, 'soak.mjs');
  writeFileSync(file, await bundled());
  for (const backend of backends) {
    console.log(`${backend}: ${minutes} minutes, ${concurrency} at a time, seed ${seed}`);
    const child = spawn(
      process.execPath,
      ['--expose-gc', file, String(minutes), String(seed), String(concurrency)],
      { stdio: 'inherit', env: { ...process.env, LANDSPOUT_BACKEND: backend } },
    );
    const [code] = await once(child, 'exit');
    if (code !== 0) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** The program from the sources of the packages, in one file. */
async function bundled() {
  const result = await build({
    configFile: false,
    root: ROOT,
    logLevel: 'error',
    ssr: { noExternal: true, resolve: { conditions: CONDITIONS } },
    resolve: { conditions: CONDITIONS },
    build: {
      ssr: resolve(ROOT, PROGRAM),
      write: false,
      minify: false,
      target: 'node20',
      rollupOptions: { output: { codeSplitting: false } },
    },
    plugins: [
      {
        name: 'file-urls',
        enforce: 'post',
        transform: (code, id) => ({
          code: code.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href)),
          map: null,
        }),
      },
    ],
  });
  const [output] = [result].flat();
  if (output === undefined || !('output' in output)) throw new Error('vite made no bundle');
  return output.output[0].code;
}

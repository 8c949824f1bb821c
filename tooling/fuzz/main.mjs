// `pnpm fuzz http1` and `pnpm fuzz multipart` look for inputs that break a property of a codec, and `pnpm fuzz
// node-parser` for those that Node's parser reads otherwise. `pnpm fuzz tls` is in tls.mjs. See README.md.
import { Buffer } from 'node:buffer';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { bundle, ROOT } from './bundle.mjs';
import { MAX_INPUT_BYTES } from './mutate.mjs';
import { TARGETS } from './targets.mjs';
import { fuzzTls } from './tls.mjs';

const USAGE = `usage: pnpm fuzz http1|multipart [--minutes 1] [--seed 1] [--save]
       pnpm fuzz node-parser [--minutes 1] [--seed 1]
       pnpm fuzz tls [--records 1000000] [--seed 1] [--plain]`;
/** An input that is not through after this time hangs. */
const HANG_MS = 10_000;
/** Findings after which a run is given up: they are likely one fault. */
const MAX_FINDINGS = 10;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    save: { type: 'boolean', default: false },
    records: { type: 'string', default: '1000000' },
    plain: { type: 'boolean', default: false },
  },
});
const name = positionals[0] ?? '';
const target = TARGETS.get(name);
const minutes = Number(values.minutes);
const seed = Number(values.seed);
const records = Number(values.records);
if (name === 'tls' && Number.isInteger(seed) && records > 0)
  process.exit(await fuzzTls({ records, seed, isPlain: values.plain }));
if (target === undefined || !(minutes > 0) || !Number.isInteger(seed) || (values.save && !target.saves)) {
  console.error(USAGE);
  process.exit(2);
}

const { folder, file, branches } = await bundle(target);
const shared = new SharedArrayBuffer(8);
const inputBytes = new SharedArrayBuffer(MAX_INPUT_BYTES);
const heartbeat = new Int32Array(shared);
const corpusFile = join(ROOT, target.corpus);
console.log(`fuzzing ${name}: ${branches} branches, seed ${seed}, ${minutes} minutes`);
const worker = new Worker(new URL('worker.mjs', import.meta.url), {
  workerData: { target, file, corpusFile, seed, minutes, save: values.save, shared, inputBytes },
});

let findings = 0;
let last = -1;
const watch = setInterval(() => {
  if (heartbeat[0] !== last) {
    last = heartbeat[0] ?? -1;
    return;
  }
  const input = Buffer.from(new Uint8Array(inputBytes).slice(0, heartbeat[1]));
  console.error(`an input of ${input.length} bytes hangs; in hex: ${input.toString('hex')}`);
  finish(1);
}, HANG_MS);

worker.on('message', (message) => {
  if (message.kind === 'finding') {
    findings += 1;
    console.error(`finding ${findings}: ${message.input}\n${message.error}\n`);
    if (findings >= MAX_FINDINGS) finish(1);
  } else if (message.kind === 'progress') {
    console.log(
      `${message.executions} executions, ${message.corpus} inputs kept, ${message.features} features`,
    );
  } else {
    const { kept, ...totals } = message;
    console.log(totals, `${findings} findings`);
    if (values.save) {
      writeFileSync(corpusFile, `${kept.join('\n')}\n`);
      console.log(`${kept.length} inputs are in ${target.corpus}`);
    }
    finish(findings === 0 ? 0 : 1);
  }
});
worker.on('error', (error) => {
  console.error(error);
  finish(1);
});

/** @param {number} code */
function finish(code) {
  clearInterval(watch);
  rmSync(folder, { recursive: true, force: true });
  process.exitCode = code;
  void worker.terminate();
}

import { spawnSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect } from 'vitest';
import { bindingPath, nativeIt } from '../fixtures/native-case.ts';
import { openDescriptors } from '../fixtures/native-sockets.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/tls-worker-program.mjs', import.meta.url));
/** Set to 1000 to look for rare orders of events. */
const ROUNDS = Number(process.env.LANDSPOUT_WORKER_ROUNDS ?? 50);
const AT_ONCE = 2;

describe('TLS in a worker thread', () => {
  nativeIt(
    'gives everything back when the worker is terminated in the middle of handshakes',
    async (binding) => {
      const credentials = makeCredentials();
      await runWorker(credentials, 0); // what Node itself opens with the first worker stays open
      const [descriptors, slots] = [openDescriptors(), binding.liveSlots()];
      for (let round = 0; round < ROUNDS; round += AT_ONCE) {
        const turns = Array.from({ length: AT_ONCE }, (_, at) => (round + at) * 3);
        await Promise.all(turns.map((count) => runWorker(credentials, count)));
      }
      expect(openDescriptors()).toBe(descriptors);
      expect(binding.liveSlots()).toBe(slots);
    },
    undefined,
    60_000 + ROUNDS * 500,
  );
});

async function runWorker(credentials: object, turns: number): Promise<void> {
  const worker = new Worker(PROGRAM, {
    workerData: { path: bindingPath(), ...credentials, turns },
    stderr: true,
  });
  const errors: unknown[] = [];
  worker.on('error', (error) => errors.push(error));
  const exited = new Promise((resolve) => worker.on('exit', resolve));
  await Promise.race([new Promise((resolve) => worker.on('message', resolve)), exited]);
  await worker.terminate();
  await exited;
  expect(errors).toEqual([]);
}

/** A certificate and its key, as OpenSSL reads them. */
function makeCredentials(): { readonly certificate: Uint8Array; readonly key: Uint8Array } {
  const folder = mkdtempSync(join(tmpdir(), 'landspout-workers-'));
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  try {
    const what = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-subj',
      '/CN=localhost',
    ];
    const { status } = spawnSync('openssl', ['req', '-x509', ...what, '-keyout', keyFile, '-out', certFile]);
    if (status !== 0) throw new Error('these tests need the openssl command');
    return {
      certificate: new X509Certificate(readFileSync(certFile)).raw,
      key: createPrivateKey(readFileSync(keyFile)).export({ format: 'der', type: 'pkcs8' }),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { linkNodeTypes } from './consumer.mjs';
import { ROOT } from './packages.mjs';
import { PAGE_TALKS } from './page-talks.mjs';
import { expectedBackend } from './run-program.mjs';
import { runSamples } from './run-samples.mjs';
import { COMPILER_OPTIONS, samplesOf } from './sources.mjs';
import { KEY_LOG } from './tls-talks.mjs';

/**
 * The pages in docs/ that are listed here, and those for people with an application of another framework: each sample is a complete
 * program.
 *
 * @typedef {import('./sources.mjs').Sample} Sample
 */

const PAGES = readdirSync(path.join(ROOT, 'docs')).filter((file) =>
  /^(?:diagnostics|logging|metrics|sign-in|tls|tracing|(?:run|coming-from|topics-on)-.+)\.md$/.test(file),
);

/** What the samples import besides our packages, and the packages of this repository that are tested with it. */
const IMPORTED = {
  'packages/httpserver': [
    ...['@hono/node-server', '@types/express', '@types/express-session', '@types/ws'],
    ...['express', 'express-session', 'h3', 'helmet', 'hono', 'ws'],
  ],
  'packages/web': ['openid-client'],
  'packages/telemetry': ['@opentelemetry/api', '@opentelemetry/sdk-trace-node'],
  'apps/examples': ['@modelcontextprotocol/sdk', 'zod'],
};

/** @returns {string[]} names with the versions that this repository is tested with. */
export function packagesOfPages() {
  return Object.entries(IMPORTED).flatMap(([folder, names]) => {
    const manifest = JSON.parse(readFileSync(path.join(ROOT, folder, 'package.json'), 'utf8'));
    const versions = { ...manifest.devDependencies, ...manifest.dependencies };
    return names.map((name) => `${name}@${versions[name]}`);
  });
}

/** Writes the samples into a consumer that has all packages. @param {string} folder @returns {Sample[]} */
export function writePages(folder) {
  const samples = PAGES.flatMap((file) => samplesOf(`docs/${file}`, folder));
  // The declarations of h3 need packages that are not installed, and fail exactOptionalPropertyTypes.
  const compilerOptions = { ...COMPILER_OPTIONS, skipLibCheck: true };
  writeFileSync(
    path.join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, include: ['samples/*.ts'] }),
  );
  linkNodeTypes(folder);
  return samples;
}

/**
 * Runs every sample on both backends, and those about TLS on the native backend over node:tls too.
 *
 * @param {string} folder - the consumer, whose samples are compiled.
 * @param {readonly Sample[]} samples
 */
export async function runPages(folder, samples) {
  for (const backend of new Set([expectedBackend(folder), 'portable'])) {
    await runAll(samples, { LANDSPOUT_BACKEND: backend });
  }
  const aboutTls = samples.filter(({ origin }) => origin.startsWith('docs/tls.md '));
  await runAll(aboutTls, { LANDSPOUT_TLS: 'node' });

  /** @param {readonly Sample[]} some @param {Record<string, string>} env */
  async function runAll(some, env) {
    const ran = await runSamples(folder, some, { talks: PAGE_TALKS, env: { KEY_LOG, ...env } });
    if (ran !== some.length) throw new Error(`${ran} of ${some.length} samples were run`);
  }
}

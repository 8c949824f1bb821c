import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { DEFAULT_LIMITS } from 'landspout/http1/protocol';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { resolveTimeouts } from '../../../packages/httpserver/src/options.ts';
import { resolveStopOptions } from '../../../packages/httpserver/src/stopping/stop-options.ts';
import { resolveDelay } from '../../../packages/ioloop/src/processes/supervisor/supervisor-options.ts';
import { DEFAULT_CHECK_TIMEOUT_MS } from '../../../packages/web/src/health/health-options.ts';
import { ExampleProcess } from './example-process.ts';

const FILES = fileURLToPath(new URL('../deploying/', import.meta.url));
const DOCS = fileURLToPath(new URL('../../../docs/', import.meta.url));
const PROGRAM = readFileSync(new URL('../health.ts', import.meta.url), 'utf8');
/** Debian has it in a folder that is on the path of root only. */
const NGINX = existsSync('/usr/sbin/nginx') ? '/usr/sbin/nginx' : 'nginx';

const STOP_TIMEOUT_MS = resolveDelay({}, 'stopTimeoutMs');
const { drainMs: DRAIN_MS } = resolveStopOptions({});

const fileOf = (name: string): string => readFileSync(join(FILES, name), 'utf8');

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'landspout-deploying-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

describe.each([
  ['deploying.md', 'ini', 'landspout.service'],
  ['deploying.md', 'nginx', 'nginx.conf'],
  ['deploying.md', 'ts', '../health.ts'],
  ['kubernetes.md', 'yaml', 'kubernetes.yaml'],
])('docs/%s', (page, language, file) => {
  it(`shows ${file} as it is`, () => {
    expect(readFileSync(join(DOCS, page), 'utf8')).toContain(`\`\`\`${language}\n${fileOf(file)}\`\`\`\n`);
  });
});

describe('kubernetes.yaml', () => {
  const documents = parseAllDocuments(fileOf('kubernetes.yaml'));
  const objects = documents.map((document) => document.toJS());
  const [deployment, service, budget] = objects;
  const pod = deployment.spec.template.spec;
  const [container] = pod.containers;
  const environment = Object.fromEntries(
    container.env.map(({ name, value }: { name: string; value: unknown }) => [name, value]),
  );

  it('is a Deployment, a Service and a PodDisruptionBudget, of the same pods', () => {
    expect(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([]);
    expect(objects.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`)).toEqual([
      'apps/v1 Deployment',
      'v1 Service',
      'policy/v1 PodDisruptionBudget',
    ]);
    const { labels } = deployment.spec.template.metadata;
    expect(deployment.spec.selector.matchLabels).toEqual(labels);
    expect(service.spec.selector).toEqual(labels);
    expect(budget.spec.selector.matchLabels).toEqual(labels);
    expect(service.spec.ports[0].targetPort).toBe(container.ports[0].name);
  });

  it('sets the port, and the variables that the program reads, to strings', () => {
    expect(environment).toEqual({
      PORT: String(container.ports[0].containerPort),
      HOST: '0.0.0.0',
      PROCESSES: '1',
    });
    for (const name of Object.keys(environment)) expect(PROGRAM).toContain(`process.env.${name}`);
  });

  it('probes routes of the program, at its port, and gives a check its whole time', () => {
    const { startupProbe, livenessProbe, readinessProbe } = container;
    const probes = [startupProbe, livenessProbe, readinessProbe];
    expect(probes.map(({ httpGet }) => httpGet)).toEqual(
      ['/livez', '/livez', '/readyz'].map((path) => ({ path, port: container.ports[0].name })),
    );
    for (const { httpGet, timeoutSeconds } of probes) {
      expect(PROGRAM).toContain(`['${httpGet.path}', `);
      expect(timeoutSeconds * 1_000).toBeGreaterThan(DEFAULT_CHECK_TIMEOUT_MS);
    }
  });

  it('gives a pod the time that preStop, a stop of the server and the end of its processes take', () => {
    const [program, seconds] = container.lifecycle.preStop.exec.command;
    expect(program).toBe('sleep');
    const graceMs = pod.terminationGracePeriodSeconds * 1_000;
    expect(graceMs).toBe(Number(seconds) * 1_000 + STOP_TIMEOUT_MS + 5_000);
    expect(STOP_TIMEOUT_MS).toBeGreaterThan(DRAIN_MS);
  });

  it('starts node itself, as a user without rights', () => {
    expect(container.command[0]).toBe('node');
    expect(pod.securityContext.runAsNonRoot).toBe(true);
    expect(container.securityContext.allowPrivilegeEscalation).toBe(false);
  });
});

describe('landspout.service', () => {
  it('is accepted by systemd-analyze verify', () => {
    const unit = join(temporaryFolder(), 'landspout.service');
    // systemd looks for the program, which is elsewhere on some machines.
    writeFileSync(unit, fileOf('landspout.service').replace('/usr/bin/node', process.execPath));
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
    expect({ status, output: stdout + stderr }).toEqual({ status: 0, output: '' });
  });

  it('gives the program the time to kill processes that do not end', () => {
    const [, seconds] = /^TimeoutStopSec=(\d+)s$/m.exec(fileOf('landspout.service')) ?? [];
    expect(Number(seconds) * 1_000).toBeGreaterThan(STOP_TIMEOUT_MS);
  });
});

describe('nginx.conf', () => {
  it('fits the limits and timeouts of a server', () => {
    const source = fileOf('nginx.conf');
    const [, idle] = / keepalive_timeout (\d+)s;/.exec(source) ?? [];
    expect(Number(idle) * 1_000).toBeLessThan(resolveTimeouts({}).idleTimeoutMs);
    const [, body] = / client_max_body_size (\d+)m;/.exec(source) ?? [];
    expect(Number(body) * 1_024 * 1_024).toBe(DEFAULT_LIMITS.maxBodyBytes);
  });

  it('passes requests on, but no probes of clients', async () => {
    await using service = ExampleProcess.program('health.js');
    const { host } = new URL(await service.url());
    const socketPath = await startNginx(host);
    expect(await ask(socketPath, '/')).toMatchObject({
      status: 200,
      body: expect.stringMatching(/^Hello from/),
    });
    expect((await ask(socketPath, '/readyz')).status).toBe(403);
    expect(await service.stop()).toBe(0);
  });
});

/** Starts nginx in front of `upstream`. @returns the path of its socket: no port could be taken by another program. */
async function startNginx(upstream: string): Promise<string> {
  const folder = temporaryFolder();
  const socketPath = join(folder, 'socket');
  const site = fileOf('nginx.conf')
    .replace('127.0.0.1:8888', upstream)
    .replace('listen 80;', `listen unix:${socketPath};`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join('\n');
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off; master_process off; pid ${folder}/pid; error_log stderr crit; events {}
http { access_log off; ${temporary}
${site} }`,
  );
  const nginx = spawn(NGINX, ['-e', 'stderr', '-p', folder, '-c', file], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const ended = once(nginx, 'exit');
  onTestFinished(async () => {
    nginx.kill('SIGTERM');
    await ended;
  });
  while (!existsSync(socketPath) && nginx.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 5));
  expect(nginx.exitCode).toBeNull();
  return socketPath;
}

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
}

/** Tries again if the socket is bound and does not listen yet. */
function ask(socketPath: string, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    get({ socketPath, path, agent: false }, (response) => {
      resolve(text(response).then((body) => ({ status: response.statusCode, body })));
    }).on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') resolve(ask(socketPath, path));
      else reject(error);
    });
  });
}

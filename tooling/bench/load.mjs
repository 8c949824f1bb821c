import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { BenchError } from './bench-error.mjs';

const REPORT = fileURLToPath(new URL('report.lua', import.meta.url));

/**
 * Runs wrk against a server, which must answer every request with a 2xx or 3xx.
 *
 * @param {import('./server.mjs').Server} server
 * @param {import('./server.mjs').Stage} stage
 * @param {{ seconds: number, connections: number }} options
 * @returns {Promise<{ requests: number, durationUs: number, p50Us: number, p99Us: number }>}
 */
export async function runLoad(server, { cores }, { seconds, connections }) {
  const threads = Math.min(cores.loadThreads, connections);
  const url = `http://127.0.0.1:${server.port}/`;
  const args = ['-t', threads, '-c', connections, '-d', `${seconds}s`, '--latency', '-s', REPORT, url];
  const { code, stdout, stderr } = await run('taskset', ['-c', cores.load, 'wrk', ...args.map(String)]);
  const report = /^REPORT (.*)$/m.exec(stdout)?.[1];
  if (code !== 0 || report === undefined)
    throw new BenchError(`wrk failed on ${server.row.title}\n${stdout}${stderr}`);
  const { statusErrors, socketErrors, ...result } = JSON.parse(report);
  if (statusErrors + socketErrors > 0 || result.requests === 0) {
    const counts = `${result.requests} requests, ${statusErrors} of them refused, ${socketErrors} socket errors`;
    throw new BenchError(`${server.row.title} failed under load: ${counts}`);
  }
  return result;
}

/** @param {string} program @param {string[]} args */
function run(program, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8').on('data', (text) => {
        output[name] += text;
      });
    }
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...output }));
  });
}

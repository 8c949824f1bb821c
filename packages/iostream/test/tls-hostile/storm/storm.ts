// A run of `pnpm soak tls-storm`. argv: how many clients. Three processes: the server, a client that was there before,
// and the crowd that connects at once.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { IOLoop } from '@landspout/ioloop';
import { type IOStream, TCPClient, TCPServer } from '../../../src/index.ts';
import { makeCertificates } from '../../support/certificates.ts';

const HOST = '127.0.0.1';
const PAUSE_MS = 2;
const [program, role, ...details] = process.argv.slice(1) as [string, string, ...string[]];

if (role === 'established') await established(...(details as [string, string]));
else if (role === 'crowd') await crowd(...(details as [string, string, string]));
else await serve(Number(role));

async function serve(clients: number): Promise<void> {
  const own = makeCertificates();
  const held = new Set<IOStream>();
  const server = await new TCPServer({
    tls: { certFile: own.certFile, keyFile: own.keyFile, handshakeTimeoutMs: 60_000, maxHandshakes: clients },
    async handleStream(stream) {
      held.add(stream);
      stream.setCloseCallback(() => held.delete(stream));
      for (;;) await stream.write(await stream.readUntil('\n'));
    },
    backlog: clients,
  } as ConstructorParameters<typeof TCPServer>[0]).listen({ host: HOST });
  const certificate = own.certFile;
  const observer = fork(program, ['established', String(server.port), certificate]);
  await once(observer, 'message');
  const begin = performance.now();
  const { user, system } = process.cpuUsage();
  const many = fork(program, ['crowd', String(server.port), certificate, String(clients)]);
  const [result] = (await once(many, 'message')) as [{ connected: number; failed: number }];
  const seconds = (performance.now() - begin) / 1000;
  const cpu = process.cpuUsage();
  observer.send('report');
  const [latencies] = (await once(observer, 'message')) as [{ quiet: object; storm: object }];
  const cpuSeconds = (cpu.user + cpu.system - user - system) / 1e6;
  console.log({
    tls: IOLoop.current().tls,
    clients,
    ...result,
    seconds: Number(seconds.toFixed(2)),
    serverCpuSeconds: Number(cpuSeconds.toFixed(2)),
  });
  console.log('the established client, in ms:', latencies);
  many.kill();
  observer.kill();
  await server.stop();
  own.remove();
  process.exit();
}

async function connectTo(port: string, certificate: string, client: TCPClient): Promise<IOStream> {
  const tls = { caFile: certificate, servername: 'localhost' };
  return client.connect({ host: HOST, port: Number(port), tls, timeoutMs: 60_000 });
}

/** Sends a line now and then, and measures how long its echo takes. */
async function established(port: string, certificate: string): Promise<void> {
  const stream = await connectTo(port, certificate, new TCPClient());
  const samples: { quiet: number[]; storm: number[] } = { quiet: [], storm: [] };
  let phase: keyof typeof samples = 'quiet';
  process.once('message', () =>
    process.send?.({ quiet: percentiles(samples.quiet), storm: percentiles(samples.storm) }),
  );
  for (let count = 0; ; count += 1) {
    const begin = performance.now();
    await stream.write('ping\n');
    await stream.readUntil('\n');
    samples[phase].push(performance.now() - begin);
    if (count === 500) {
      phase = 'storm';
      process.send?.('ready');
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** Connects all at once, and holds what it has. */
async function crowd(port: string, certificate: string, clients: string): Promise<void> {
  const client = new TCPClient({ maxTlsSessions: 0 });
  const outcomes = await Promise.allSettled(
    Array.from({ length: Number(clients) }, () => connectTo(port, certificate, client)),
  );
  const connected = outcomes.filter(({ status }) => status === 'fulfilled').length;
  const reasons = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [String(outcome.reason)] : [],
  );
  process.send?.({ connected, failed: reasons.length, reason: reasons[0] });
  await new Promise(() => {});
}

function percentiles(samples: number[]): object {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number): number =>
    Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(2));
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

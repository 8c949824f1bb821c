import { once, setMaxListeners } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { IOLoop, type Logger } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { type IOStream, TCPClient, TCPServer, type TlsServerOptions } from '../../../src/index.ts';
import { ENDINGS, endingOf, wayOf } from '../../faults/support/churn-endings.ts';
import { type Ending, HOST, SMALL_LIMIT } from '../../faults/support/churn-scene.ts';
import type { IssuedCertificate } from '../../support/certificates.ts';
import { until } from '../../support/until.ts';
import { type Random, seededRandom } from '../mutations/seeded-random.ts';
import { type Cut, cuttingAt, RecordRelay } from '../support/relay.ts';
import { HANDSHAKE_ENDINGS } from './handshake-endings.ts';
import type { TlsScene } from './tls-scene.ts';

/** For handshakes, by a clock that runs 500 times as fast as they do. */
const DEADLINE_MS = 60_000;
/** Those of streams that do not open by themselves, which would be without TLS. */
const STREAM_ENDINGS = ENDINGS.filter(({ opens }) => opens === undefined);

export const WAYS = STREAM_ENDINGS.length + HANDSHAKE_ENDINGS.length;

/** TLS connections that end in every way, in waves. */
export class TlsChurn implements AsyncDisposable {
  readonly times = new Map<string, number>();
  readonly unhandled: unknown[] = [];
  /** What was logged as an error: bugs. The rest is not kept, as it would grow with the number of connections. */
  readonly errors: unknown[] = [];
  readonly signal = new AbortController().signal;
  readonly #random: Random;
  /** What ends what was opened, the last first. */
  readonly #closers: (() => unknown)[] = [];
  #outstanding = 0;
  #scene: TlsScene | undefined;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    // All of them at once wait for it, and Node would take that for a leak.
    setMaxListeners(0, this.signal);
    const onUnhandled = (reason: unknown): void => void this.unhandled.push(reason);
    process.on('unhandledRejection', onUnhandled);
    this.#closers.push(() => process.off('unhandledRejection', onUnhandled));
  }

  get servers(): readonly TCPServer[] {
    const { server, strictServer } = this.#opened();
    return [server, strictServer];
  }

  /** How many timers are left after those that count failures of the last minute. */
  async timersAfterAMinute(): Promise<number> {
    const { clock } = this.#opened();
    await clock.advance(60_000);
    return clock.pending;
  }

  /** @param own - of the servers. @param stranger - of which no server knows the authority. */
  async open(own: IssuedCertificate, stranger: IssuedCertificate): Promise<void> {
    const clock = new VirtualClock();
    const ignore = (): void => {};
    const keep = (details: object, message: string) => void this.errors.push({ ...details, message });
    const logger: Logger = { debug: ignore, info: ignore, warn: ignore, error: keep };
    const loop = new IOLoop({ clock, logger });
    const { certFile, keyFile } = own;
    const alpnProtocols = ['churn'];
    const tls: TlsServerOptions = { certFile, keyFile, alpnProtocols, handshakeTimeoutMs: DEADLINE_MS };
    const handleStream = (stream: IOStream) => this.#serve(stream);
    const listen = async (options: TlsServerOptions): Promise<TCPServer> => {
      const listening = await new TCPServer({ loop, tls: options, handleStream }).listen({ host: HOST });
      this.#closers.push(() => listening.stop());
      return listening;
    };
    const server = await listen(tls);
    const strictServer = await listen({ ...tls, caFile: certFile, requestCert: true });
    const cuttingRelay = await RecordRelay.start(server.port, () => this.#cut());
    this.#closers.push(() => cuttingRelay[Symbol.asyncDispose]());
    this.#scene = {
      client: new TCPClient({ loop: new IOLoop({ logger }) }),
      virtualClient: new TCPClient({ loop }),
      clock,
      server,
      strictServer,
      port: server.port,
      cuttingRelay,
      rawPort: await this.#openRawServer(),
      stranger,
      tls: { ca: own.cert, servername: 'localhost' },
      signal: this.signal,
      track: this.#track,
      random: this.#random,
    };
  }

  /** Runs connections, all at once, and waits until nothing of them is left open. */
  async runWave(count: number): Promise<void> {
    const runs = Array.from({ length: count }, () => this.#runAny());
    await this.#whileTimePasses(Promise.all(runs));
    await this.#whileTimePasses(this.#rest());
  }

  /** Each way once. */
  async runEach(): Promise<void> {
    for (const ending of STREAM_ENDINGS) await this.#whileTimePasses(this.#runStream(ending));
    for (const { run } of HANDSHAKE_ENDINGS) await this.#whileTimePasses(run(this.#opened()));
    await this.#whileTimePasses(this.#rest());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers.reverse()) await close();
  }

  #opened(): TlsScene {
    if (this.#scene === undefined) throw new Error('open must have been called');
    return this.#scene;
  }

  async #rest(): Promise<void> {
    const { cuttingRelay } = this.#opened();
    await until(
      () =>
        this.#outstanding === 0 &&
        cuttingRelay.openSockets === 0 &&
        this.servers.every(({ openConnections }) => openConnections === 0),
    );
  }

  #runAny(): Promise<unknown> {
    const at = this.#random(WAYS);
    const stream = STREAM_ENDINGS[at];
    if (stream !== undefined) {
      this.#count(stream.name);
      return this.#runStream(stream);
    }
    const handshake = HANDSHAKE_ENDINGS[at - STREAM_ENDINGS.length] as (typeof HANDSHAKE_ENDINGS)[number];
    this.#count(handshake.name);
    return handshake.run(this.#opened());
  }

  #count(name: string): void {
    this.times.set(name, (this.times.get(name) ?? 0) + 1);
  }

  async #runStream(ending: Ending): Promise<void> {
    const scene = this.#opened();
    const versions = ['TLSv1.2', 'TLSv1.3'] as const;
    const connecting = scene.track(
      scene.client.connect({
        host: HOST,
        port: scene.port,
        signal: scene.signal,
        maxWriteBufferBytes: SMALL_LIMIT,
        tls: { ...scene.tls, maxVersion: versions[this.#random(2)] as 'TLSv1.2' },
      }),
    );
    // On a slow machine the server's deadline passes, which is a way to end too.
    const stream = await connecting.catch((error: { code?: string }) => {
      if (error.code !== 'ERR_STREAM_TLS') throw error;
    });
    if (stream === undefined) return;
    void scene.track(stream.write(wayOf(ending)));
    await ending.client(stream, scene);
    await scene.track(stream.waitClosed());
  }

  async #serve(stream: IOStream): Promise<void> {
    const scene = this.#opened();
    const [way] = await scene.track(stream.readBytes(1, { signal: this.signal }));
    const ending = endingOf(way as number);
    if (ending === undefined) stream.close();
    else await ending.server(stream, scene);
    await scene.track(stream.waitClosed());
  }

  #cut() {
    const cuts: readonly Cut[] = ['ends', 'is reset', 'stops'];
    const place = {
      direction: this.#random(2) === 0 ? ('client' as const) : ('server' as const),
      record: this.#random(6),
      offset: this.#random(40),
    };
    return cuttingAt(place, cuts[this.#random(cuts.length)] as Cut, () => {});
  }

  /** Treats its clients in four ways, after their first bytes. */
  async #openRawServer(): Promise<number> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {});
      socket.on('end', () => socket.end());
      socket.once('data', () => {
        const way = this.#random(4);
        if (way === 0) socket.resetAndDestroy();
        else if (way === 1) socket.end();
        else if (way === 2) socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
      });
    }).listen(0, HOST);
    await once(server, 'listening');
    this.#closers.push(async () => {
      server.close();
      await once(server, 'close');
    });
    return (server.address() as AddressInfo).port;
  }

  readonly #track = <T>(promise: Promise<T>): Promise<T> => {
    this.#outstanding += 1;
    const settled = (): void => {
      this.#outstanding -= 1;
    };
    promise.then(settled, settled);
    return promise;
  };

  /** Lets time pass for deadlines while `work` goes on. */
  async #whileTimePasses(work: Promise<unknown>): Promise<void> {
    const { clock } = this.#opened();
    let isDone = false;
    const done = (): void => {
      isDone = true;
    };
    work.then(done, done);
    while (!isDone) {
      await clock.advance(500);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await work;
  }
}

import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { NativeBinding } from '../../src/reactor/native-binding.ts';
import { live, type Pair } from '../fixtures/native-sockets.ts';

const SOCK_DGRAM = 2;
/** systemd-notify sends this after each notice, with a pipe that the receiver closes. It is no notice. */
const BARRIER = 'BARRIER=1';

/**
 * What a service manager is for this process and its children until the test has finished: a socket that receives
 * notices, whose address is in NOTIFY_SOCKET. On the portable backend, the notices come from systemd-notify itself.
 */
export class NoticeReceiver {
  readonly folder = mkdtempSync(join(tmpdir(), 'landspout-notify-'));
  /** The value of NOTIFY_SOCKET. */
  readonly address: string;
  readonly #binding = anyBinding();
  readonly #socket: Pair;
  readonly #received: string[] = [];
  readonly #bytes = Buffer.alloc(8_192);

  constructor(kind: 'path' | 'abstract' = 'path') {
    const path = join(this.folder, 'notify');
    this.address = kind === 'path' ? path : `@${path}`;
    this.#socket = live(this.#binding, this.#binding.socket(this.#binding.constants.AF_UNIX, SOCK_DGRAM));
    if (this.#binding.bindUnix(...this.#socket, kind === 'path' ? path : `\0${path}`) !== 0)
      throw new Error(`could not bind ${this.address}`);
    setVariable('NOTIFY_SOCKET', this.address);
    // All the time: systemd-notify waits until its barrier was read.
    const reading = setInterval(() => this.waiting, 5);
    onTestFinished(() => {
      clearInterval(reading);
      this.#binding.close(...this.#socket);
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  /** Waits for the next notice, and returns its assignments. The test's own timeout is the limit. */
  async next(): Promise<readonly string[]> {
    for (;;) {
      const [first] = this.waiting;
      if (first !== undefined) {
        this.#received.shift();
        return first.split('\n');
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** The notices that have arrived and were not taken. */
  get waiting(): readonly string[] {
    for (;;) {
      const count = this.#binding.recv(...this.#socket, this.#bytes, 0, this.#bytes.length);
      if (count < 0) return this.#received;
      const notice = this.#bytes.toString('utf8', 0, count);
      if (notice !== BARRIER) this.#received.push(notice);
    }
  }
}

/** The native addon, whatever the backend of this process is: Node itself cannot receive such datagrams. */
function anyBinding(): NativeBinding {
  const libc =
    'glibcVersionRuntime' in (process.report.getReport() as { header: object }).header ? 'gnu' : 'musl';
  const folder = `../../prebuilds/linux-${process.arch}-${libc}`;
  return createRequire(import.meta.url)(`${folder}/reactor.node`) as NativeBinding;
}

/** Sets an environment variable until the test has finished. */
export function setVariable(name: string, value: string | undefined): void {
  const before = process.env[name];
  assign(name, value);
  onTestFinished(() => assign(name, before));
}

function assign(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { loadNative } from '../../src/reactor/backend.ts';
import type { NativeBinding } from '../../src/reactor/native-binding.ts';
import { live } from '../fixtures/native-sockets.ts';

const SOCK_DGRAM = 2;
/** Stands in for systemd-notify: each call becomes a file with its arguments, one a line, and then its socket. */
const TOOL = `#!/bin/sh
{ printf '%s\\n' "$@"; printf 'to %s\\n' "$NOTIFY_SOCKET"; } > "$0.draft.$$"
mv "$0.draft.$$" "$(dirname "$0")/notice.$(date +%s%N).$$"
`;

/**
 * What a service manager is for this process and its children until the test has finished: NOTIFY_SOCKET is set, and
 * notices arrive at a socket, or on the portable backend from a program in the place of systemd-notify.
 */
export class NoticeReceiver {
  readonly folder = mkdtempSync(join(tmpdir(), 'landspout-notify-'));
  /** The value of NOTIFY_SOCKET. */
  readonly address: string;
  readonly #take: () => string | undefined;
  readonly #received: string[] = [];

  /** @param kind - of the address. */
  constructor(kind: 'path' | 'abstract' = 'path') {
    this.address = kind === 'path' ? join(this.folder, 'notify') : `@${join(this.folder, 'notify')}`;
    const native = loadNative();
    this.#take = 'binding' in native ? this.#socket(native.binding) : this.#tool();
    setVariable('NOTIFY_SOCKET', this.address);
    onTestFinished(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  /** Waits for the next notice, and returns its assignments. The test's own timeout is the limit. */
  async next(): Promise<readonly string[]> {
    await this.#waitFor(1);
    return (this.#received.shift() as string).split('\n');
  }

  /** Waits for a notice with `assignment`, and returns all notices up to it. */
  async until(assignment: string): Promise<readonly (readonly string[])[]> {
    const all: (readonly string[])[] = [];
    do all.push(await this.next());
    while (!all.at(-1)?.includes(assignment));
    return all;
  }

  /** The notices that have arrived and were not taken. */
  get waiting(): readonly string[] {
    this.#collect();
    return this.#received;
  }

  async #waitFor(count: number): Promise<void> {
    for (;;) {
      this.#collect();
      if (this.#received.length >= count) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  #collect(): void {
    for (let notice = this.#take(); notice !== undefined; notice = this.#take()) this.#received.push(notice);
  }

  #socket(binding: NativeBinding): () => string | undefined {
    const socket = live(binding, binding.socket(binding.constants.AF_UNIX, SOCK_DGRAM));
    const path = this.address.startsWith('@') ? `\0${this.address.slice(1)}` : this.address;
    if (binding.bindUnix(...socket, path) !== 0) throw new Error(`could not bind ${this.address}`);
    onTestFinished(() => void binding.close(...socket));
    const bytes = Buffer.alloc(8_192);
    return () => {
      const count = binding.recv(...socket, bytes, 0, bytes.length);
      return count < 0 ? undefined : bytes.toString('utf8', 0, count);
    };
  }

  #tool(): () => string | undefined {
    const file = join(this.folder, 'systemd-notify');
    writeFileSync(file, TOOL);
    chmodSync(file, 0o755);
    setVariable('PATH', `${this.folder}${delimiter}${process.env.PATH}`);
    return () => {
      const [first] = readdirSync(this.folder)
        .filter((name) => name.startsWith('notice.'))
        .sort();
      if (first === undefined) return undefined;
      const lines = readFileSync(join(this.folder, first), 'utf8').split('\n').slice(0, -1);
      rmSync(join(this.folder, first));
      if (lines.pop() !== `to ${this.address}`) throw new Error('systemd-notify got another socket');
      return lines.join('\n');
    };
  }
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

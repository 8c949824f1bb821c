import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { startRedis } from './support/redis-server.ts';
import { atTheEnd, until } from './support/scratch.ts';

const PROGRAM = fileURLToPath(new URL('./fixtures/program-without-close.mjs', import.meta.url));

/** A program that never closes its backplane: the built package. */
class Program {
  readonly #process;
  /** The code with which it ends. */
  readonly ended: Promise<number | null>;
  output = '';

  constructor(url: string) {
    this.#process = spawn(process.execPath, [PROGRAM, url], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#process.stdout.on('data', (text) => {
      this.output += text;
    });
    this.ended = once(this.#process, 'close').then(([code]) => code as number | null);
    atTheEnd(() => this.#process.kill('SIGKILL'));
  }

  write(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  printed(line: string): Promise<void> {
    return until(`it prints ${line}`, () => this.output.includes(`${line}\n`));
  }
}

describe('a program that does not close its RedisBackplane', () => {
  it('ends when it has nothing to do', async () => {
    const redis = await startRedis();
    const program = new Program(redis.url);
    await program.printed('ready');
    program.write('end');
    expect([await program.ended, program.output]).toEqual([0, 'ready\n']);
  });

  it('lives while a call waits for Redis, and for its announcement', async () => {
    const redis = await startRedis();
    const program = new Program(redis.url);
    await program.printed('ready');
    redis.pause();
    program.write('publish');
    await program.printed('publishing');
    redis.resume();
    expect(await program.ended).toBe(0);
    expect(program.output).toBe('ready\npublishing\nread hello\npublished 1\n');
  });

  it('ends while Redis is away', async () => {
    const redis = await startRedis();
    const program = new Program(redis.url);
    await program.printed('ready');
    await redis.kill();
    program.write('end');
    expect([await program.ended, program.output]).toEqual([0, 'ready\n']);
  });
});

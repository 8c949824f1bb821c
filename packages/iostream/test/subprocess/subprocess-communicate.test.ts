import { IOLoop, LoopTimeoutError } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { Subprocess } from '../../src/subprocess/subprocess.ts';
import { SubprocessLimitError } from '../../src/subprocess/subprocess-errors.ts';
import type { SubprocessOptions } from '../../src/subprocess/subprocess-options.ts';

const STREAMS = { stdin: 'stream', stdout: 'stream', stderr: 'stream' } as const;
/** More than the pipes and the streams at both ends of them hold. */
const MUCH = 4_000_000;

const children: Subprocess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL');
    await child.close();
  }
});

async function shell(script: string, options: SubprocessOptions = STREAMS): Promise<Subprocess> {
  const child = await Subprocess.spawn('sh', ['-c', script], options);
  children.push(child);
  return child;
}

describe('Subprocess.communicate', () => {
  it('gives the input, both outputs and the code', async () => {
    const child = await shell('cat; echo err >&2; exit 7');
    const result = await child.communicate('ä\n');
    expect({ ...result, stdout: String(result.stdout), stderr: String(result.stderr) }).toEqual({
      stdout: 'ä\n',
      stderr: 'err\n',
      returnCode: 7,
    });
  });

  it('does not stand still, whichever side has more to say than is taken', async () => {
    const script = `yes err | head -c ${MUCH} >&2; yes out | head -c ${MUCH}; wc -c`;
    const child = await shell(script);
    const { stdout, stderr, returnCode } = await child.communicate(Buffer.alloc(MUCH));
    expect(stderr.length).toBe(MUCH);
    expect(stdout.length).toBeGreaterThan(MUCH);
    expect(String(stdout.subarray(MUCH)).trim()).toBe(String(MUCH));
    expect(returnCode).toBe(0);
  });

  it('ends stdin where there is no input', async () => {
    const { returnCode, stdout } = await (await shell('cat')).communicate();
    expect({ returnCode, stdout: stdout.length }).toEqual({ returnCode: 0, stdout: 0 });
  });

  it('does without streams', async () => {
    const child = await shell('exit 2', { stdin: 'ignore' });
    const nothing = Buffer.alloc(0);
    expect(await child.communicate()).toEqual({ stdout: nothing, stderr: nothing, returnCode: 2 });
    await expect(child.communicate('input')).rejects.toMatchObject({ code: 'ERR_PROCESS_USAGE' });
  });

  it('leaves the child its choice of what it reads', async () => {
    const child = await shell('exec <&-; echo done');
    const { stdout, returnCode } = await child.communicate(Buffer.alloc(MUCH));
    expect([String(stdout), returnCode]).toEqual(['done\n', 0]);
  });

  it('gives what a child had said before a signal ended it', async () => {
    const child = await shell('echo before; kill -KILL $$');
    const { stdout, returnCode } = await child.communicate();
    expect([String(stdout), returnCode]).toEqual(['before\n', -9]);
  });

  it('takes as many bytes as it may', async () => {
    const child = await shell('printf 12345; printf 123 >&2');
    const { stdout, stderr } = await child.communicate(undefined, { maxBytes: 5 });
    expect([String(stdout), String(stderr)]).toEqual(['12345', '123']);
  });

  it.each([
    ['stdout', 'printf 123456; cat >/dev/null'],
    ['stderr', 'printf 123456 >&2; cat'],
    ['stdout', 'yes'],
  ])('ends a child when its %s passes the limit: %s', async (name, script) => {
    const child = await shell(script);
    const error: unknown = await child.communicate(undefined, { maxBytes: 5 }).catch((e) => e);
    expect(error).toBeInstanceOf(SubprocessLimitError);
    expect(error).toMatchObject({ code: 'ERR_PROCESS_OUTPUT', message: expect.stringContaining(name) });
    expect(child.returnCode).toBeDefined();
    for (const stream of [child.stdin, child.stdout, child.stderr]) expect(stream?.isClosed).toBe(true);
  });

  it('stops when told to: the child runs on, and no byte is lost', async () => {
    const child = await shell('trap "echo two; exit 0" USR1; echo one; while :; do sleep 0.01; done');
    const stopping = new AbortController();
    const reason = new Error('later');
    const stopped = child.communicate(undefined, { signal: stopping.signal });
    stopping.abort(reason);
    await expect(stopped).rejects.toBe(reason);
    expect(child.returnCode).toBeUndefined();
    expect(child.stdout?.isReading).toBe(false);
    expect(String(await child.stdout?.readUntil('\n'))).toBe('one\n');
    await expect(child.communicate('input')).rejects.toMatchObject({ code: 'ERR_PROCESS_USAGE' }); // stdin has ended
    child.kill('SIGUSR1');
    const { stdout, returnCode } = await child.communicate();
    expect([String(stdout), returnCode]).toEqual(['two\n', 0]);
  });

  it('stops at its timeout', async () => {
    const clock = new VirtualClock();
    const child = await shell('exec sleep 1000', { ...STREAMS, loop: new IOLoop({ clock }) });
    const late = child.communicate(undefined, { timeoutMs: 50 }).catch((error) => error);
    await clock.advance(50);
    expect(await late).toBeInstanceOf(LoopTimeoutError);
    expect(child.returnCode).toBeUndefined();
  });

  it('refuses where somebody else reads, and leaves the other stream free', async () => {
    const child = await shell('read line; echo to the other');
    const read = child.stdout?.readUntil('\n');
    await expect(child.communicate('go\n')).rejects.toMatchObject({ code: 'ERR_STREAM_BUSY' });
    expect(child.stderr?.isReading).toBe(false);
    expect(String(await read)).toBe('to the other\n');
    expect(await child.waitForExit()).toBe(0);
  });
});

import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { MessageDoor } from '../../src/processes/doors/message-door.ts';
import { isTaskChild, openDoor } from '../../src/processes/doors/open-door.ts';
import { serveDoor } from '../../src/processes/supervisor/serve-door.ts';
import type { SupervisedChild } from '../../src/processes/supervisor/supervised-task.ts';
import type { ProcessSupervisorOptions } from '../../src/processes/supervisor/supervisor-options.ts';
import { openDescriptors } from '../fixtures/native-sockets.ts';
import { DoorStory } from './fixtures/door-story.ts';
import { type Line, RunningProgram } from './fixtures/running-program.ts';
import { Supervised } from './fixtures/supervised.ts';

const PROGRAM = fileURLToPath(new URL('fixtures/door-program.mjs', import.meta.url));
const MIB = 1024 * 1024;

/** A door that a child has opened, from the parent's side. */
class Accepted extends DoorStory {
  override readonly door: MessageDoor;
  readonly child: SupervisedChild;

  constructor(door: MessageDoor, child: SupervisedChild) {
    super();
    this.door = door;
    this.child = child;
  }
}

/** Serves a name, and remembers the doors of all children. */
class Served {
  readonly all: Accepted[] = [];
  #changed: (() => void) | undefined;

  constructor(name = 'a', options: { maxQueuedBytes?: number } = {}) {
    const accept = (door: MessageDoor, child: SupervisedChild): DoorStory => {
      const one = new Accepted(door, child);
      this.all.push(one);
      this.#changed?.();
      return one;
    };
    const service = serveDoor(name, accept, options);
    onTestFinished(() => service.close());
  }

  /** Waits for the first `count` doors. */
  async accepted(count: number): Promise<readonly Accepted[]> {
    while (this.all.length < count) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
    return this.all;
  }

  async first(): Promise<Accepted> {
    return (await this.accepted(1))[0] as Accepted;
  }
}

/** The children of the program of the tests. */
async function start(
  scenario: string,
  args: readonly string[] = [],
  options: ProcessSupervisorOptions = {},
): Promise<Supervised> {
  const supervised = new Supervised(scenario, {
    program: PROGRAM,
    count: 1,
    args: [scenario, ...args],
    ...options,
  });
  await supervised.supervisor.start();
  return supervised;
}

const numbered = (value: number): Buffer => {
  const bytes = Buffer.alloc(200);
  bytes.writeUInt32LE(value);
  return bytes;
};

describe('the message doors of a child', () => {
  it('carry binary messages both ways', async () => {
    const served = new Served();
    const supervised = await start('echo', ['a'], { count: 2 });
    const both = await served.accepted(2);
    const sent = [Buffer.alloc(0), randomBytes(1_000), Buffer.from('ä')];
    for (const { door } of both) for (const message of sent) expect(door.send(message)).toBe(true);
    for (const one of both) {
      await one.received(sent.length);
      expect(one.messages).toEqual(sent);
      const current = supervised.supervisor.children.find(({ taskId }) => taskId === one.door.taskId);
      expect(one.child).toEqual(current);
    }
    expect(new Set(both.map(({ door }) => door.taskId))).toEqual(new Set([0, 1]));
  });

  it('carry 10,000 messages in order, both ways at once', async () => {
    const served = new Served();
    const supervised = await start('count', ['10000']);
    const one = await served.first();
    for (let value = 0; value < 10_000; value += 1) expect(one.door.send(numbered(value))).toBe(true);
    await one.received(10_000);
    expect(one.messages.every((message, at) => message.length === 200 && message.readUInt32LE() === at)).toBe(
      true,
    );
    await supervised.heard({ counted: 10_000 });
    expect(supervised.story.filter((entry) => 'wrong' in entry || 'full' in entry)).toEqual([]);
  });

  it('carry a message of 8 MiB whole, and others around it', async () => {
    const served = new Served();
    await start('echo', ['a']);
    const one = await served.first();
    const sent = [Buffer.from('before'), randomBytes(8 * MIB), Buffer.from('after')];
    for (const message of sent) expect(one.door.send(message)).toBe(true);
    await one.received(3);
    expect(one.messages.map((message, at) => message.equals(sent[at] as Buffer))).toEqual([true, true, true]);
  });

  it('keep several names apart', async () => {
    const served = ['a', 'b', 'c'].map((name) => new Served(name));
    await start('echo', ['c', 'a', 'b']);
    for (const [at, one] of served.entries()) {
      const story = await one.first();
      story.door.send(Buffer.from(`${at}`));
      expect(await story.received(1)).toEqual([`${at}`]);
    }
  });

  it('wait until a name is served, and are refused if that takes too long', async () => {
    const known = new Served('a');
    const supervised = await start('echo', ['late', 'unknown', 'a']);
    await known.first(); // so the parent knows the other names too
    const late = new Served('late');
    const story = await late.first();
    story.door.send(Buffer.from('1'));
    expect(await story.received(1)).toEqual(['1']);
    await supervised.clock.advance(10_000);
    await supervised.heard({ name: 'unknown', closed: 'refused' });
    expect(supervised.story.filter((entry) => 'closed' in entry)).toHaveLength(1);
  });

  it('queue a limited number of bytes for a child that is suspended, which gets all when it continues', async () => {
    const served = new Served('a', { maxQueuedBytes: 2 * MIB });
    const supervised = await start('sum');
    const one = await served.first();
    process.kill(one.child.pid as number, 'SIGSTOP');
    const before = process.memoryUsage().arrayBuffers;
    let count = 0;
    // The system takes some; it is full when nothing leaves within many turns.
    for (let quiet = 0; quiet < 50; ) {
      const { drains } = one;
      while (one.door.send(numbered(count))) count += 1;
      await new Promise((resolve) => setImmediate(resolve));
      quiet = one.drains === drains ? quiet + 1 : 0;
    }
    expect(one.door.queuedBytes).toBeGreaterThan(MIB);
    expect(one.door.queuedBytes).toBeLessThanOrEqual(2 * MIB + 208);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * MIB);
    expect(one.door.send(Buffer.alloc(0))).toBe(false);
    const { drains } = one;
    process.kill(one.child.pid as number, 'SIGCONT');
    await one.until((story) => story.drains > drains);
    expect(one.door.send(Buffer.alloc(0))).toBe(true);
    expect(await supervised.told('counted')).toBe(count);
    expect(supervised.story.filter((entry) => 'wrong' in entry)).toEqual([]);
    expect(one.door.queuedBytes).toBe(0);
  });

  it('do not deliver a message that a killed child did not send to its end', async () => {
    const served = new Served();
    const supervised = await start('dies');
    const one = await served.first();
    one.door.send(Buffer.from('die'));
    expect(await one.ended()).toBe('ended');
    await supervised.heard({ event: 'exited', signal: 'SIGKILL' });
    expect(one.texts).toEqual(['whole']);
    expect(one.door.send(Buffer.alloc(1))).toBe(false);
    // Its successor has a door of its own.
    await supervised.clock.advance(100);
    const [, next] = await served.accepted(2);
    expect(next?.child).toMatchObject({ taskId: 0, restarts: 1 });
    expect([one.ends, next?.ends]).toEqual([['ended'], []]);
  });

  it('deliver the last message of a child that exits', async () => {
    const served = new Served();
    const supervised = await start('leaves');
    const one = await served.first();
    one.door.send(Buffer.from('leave'));
    expect(await one.ended()).toBe('ended');
    expect(one.texts).toEqual(['last']);
    await supervised.supervisor.wait();
  });

  it('end in the child when the parent is killed', async () => {
    const program = new RunningProgram('orphan', {}, PROGRAM);
    await program.heard((line: Line) => 'open' in line);
    program.process.kill('SIGKILL');
    await program.ended;
    expect(program.lines.flatMap(({ orphan }) => orphan ?? [])).toEqual(['ended']);
  });

  it('are other ones for the successor in a rolling restart, and both work at once', async () => {
    const served = new Served();
    const supervised = await start('echo', ['a']);
    const old = await served.first();
    const { supervisor } = supervised;
    const exited = supervised.heard({ event: 'exited', pid: old.child.pid });
    process.kill(old.child.pid as number, 'SIGSTOP'); // it cannot end before it continues
    const restarted = supervisor.restart();
    const [, next] = (await served.accepted(2)) as [Accepted, Accepted];
    expect(next.child).toMatchObject({ taskId: 0, restarts: 0 });
    expect(next.child.pid).not.toBe(old.child.pid);
    next.door.send(Buffer.from('to the new one'));
    old.door.send(Buffer.from('to the old one'));
    expect(await next.received(1)).toEqual(['to the new one']);
    expect(old.ends).toEqual([]);
    process.kill(old.child.pid as number, 'SIGCONT');
    await Promise.all([restarted, exited]);
    expect(await old.ended()).toBe('ended');
    next.door.send(Buffer.from('more'));
    expect(await next.received(2)).toEqual(['to the new one', 'more']);
    expect(next.ends).toEqual([]);
  });

  it('do not mix with the messages of the program, and answers', async () => {
    const served = new Served();
    const supervised = await start('both');
    const { supervisor } = supervised;
    await supervised.heard({ ready: true });
    const one = await served.first();
    for (let round = 0; round < 20; round += 1) {
      for (let count = 0; count < 50; count += 1) one.door.send(numbered(count));
      supervisor.send(0, { round });
      expect(await supervisor.askTask(0, 'pid', { timeoutMs: 60_000 })).toBe(one.child.pid);
    }
    await one.received(1_000);
    const entries = await supervised.heard({ event: 'message' }, 21);
    expect(entries.flatMap(({ heard }) => heard ?? [])).toEqual(
      Array.from({ length: 20 }, (_, round) => ({ round })),
    );
    expect(entries).toHaveLength(21);
  });

  it.each([[[]], [['unref']]])('do not keep the child alive: %j', async (args) => {
    const served = new Served();
    const supervised = await start('idle', args);
    const one = await served.first();
    await supervised.supervisor.wait();
    await supervised.heard({ event: 'exited', code: 0 });
    expect(await one.ended()).toBe('ended');
  });

  it('keep the child alive while `ref` is in effect', async () => {
    const served = new Served();
    const supervised = await start('idle', ['ref']);
    const one = await served.first();
    for (let round = 1; round <= 3; round += 1) {
      one.door.send(Buffer.from('1'));
      await supervised.heard({ heard: true }, round);
    }
    one.door.close();
    await supervised.supervisor.wait();
    expect(one.ends).toEqual([]);
  });

  it('cannot be opened in a thread of the child', async () => {
    const supervised = await start('thread');
    expect(await supervised.told('isTaskChild')).toBe(true);
    expect(await supervised.told('code')).toBe('ERR_PROCESS_USAGE');
    expect(await supervised.told('inThread')).toBe(false);
  });

  it.skipIf(!existsSync('/proc/self/fd'))(
    'are not inherited by processes that the child starts',
    async () => {
      const supervised = await start('heritage');
      expect(await supervised.told('isInherited')).toBe(false);
      expect(await supervised.told('isSocket')).toBe(true);
    },
  );

  it('end soon after the child, even if another process keeps the socket', async () => {
    const served = new Served();
    const supervised = await start('bequeaths');
    const sleeper = (await supervised.told('sleeper')) as number;
    onTestFinished(() => void process.kill(sleeper, 'SIGKILL'));
    const one = await served.first();
    one.door.send(Buffer.from('go'));
    await supervised.supervisor.wait();
    expect(await one.received(1)).toEqual(['1']);
    expect(one.ends).toEqual([]);
    await expect.poll(() => supervised.clock.pending).toBe(1);
    await supervised.clock.advance(1_000);
    expect(await one.ended()).toBe('ended');
  });

  it('end, with one line in the log, if what comes is no frame', async () => {
    const served = new Served();
    const supervised = await start('corrupts');
    const one = await served.first();
    await one.received(1);
    one.door.send(Buffer.from('now'));
    expect(await one.ended()).toBe('ended');
    await supervised.heard({ closed: 'ended' });
    expect(supervised.logged).toEqual([
      expect.stringMatching(
        new RegExp(
          `^the message channel of the child with pid ${one.child.pid} is closed, .* invalid frame: `,
        ),
      ),
    ]);
    expect(supervised.supervisor.children).toEqual([one.child]);
  });

  it.each(['none', 'idle'])(
    'leave no descriptor in the parent when the child has ended: %s',
    async (scenario) => {
      new Served();
      const before = openDescriptors();
      const supervised = await start(scenario, [], { count: 2 });
      await supervised.supervisor.wait();
      await expect.poll(openDescriptors).toBeLessThanOrEqual(before);
      expect(supervised.clock.pending).toBe(0);
    },
  );
});

describe('openDoor', () => {
  it('can be called in a child only', () => {
    expect(isTaskChild()).toBe(false);
    expect(() => openDoor('a', new DoorStory())).toThrow(
      expect.objectContaining({
        code: 'ERR_PROCESS_USAGE',
        message: expect.stringContaining('in a child process'),
      }),
    );
  });
});

import type { DoorHandler, MessageDoor } from '@landspout/ioloop/processes';
import { type ChildEnd, doorPair, type ParentEnd, VirtualClock } from '@landspout/ioloop/testing';
import { LogRecorder } from '@landspout/web/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { MetricFamily } from '../../src/index.ts';
import { ChildShare } from '../../src/metrics/sharing/child-share.ts';
import { ParentShare } from '../../src/metrics/sharing/parent-share.ts';

const NAME = 'metrics';
const COMMON = { help: 'Help.', labelNames: [], across: 'sum', buckets: [], maxSeries: 100 } as const;

/** The metrics of one process: a counter and a gauge. */
class Process {
  count = 0;
  /** Whether the counter cannot be read. */
  hasFailed = false;
  /** How often the gauge was read. */
  gaugeReads = 0;
  labelNames: readonly string[] = [];
  /** Whether reading them takes until {@link release}. */
  #gate: Promise<void> | undefined;
  release = (): void => {};

  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.release = resolve;
    });
  }

  readonly collect = async (): Promise<readonly MetricFamily[]> => {
    this.gaugeReads += 1;
    const points = [{ labels: [], values: [this.count] }];
    return [...(await this.collectTotals()), { ...COMMON, name: 'g', type: 'gauge', points }];
  };

  readonly collectTotals = async (): Promise<readonly MetricFamily[]> => {
    await this.#gate;
    const { labelNames, hasFailed } = this;
    const points = hasFailed ? [] : [{ labels: labelNames.map(() => ''), values: [this.count] }];
    const family = { ...COMMON, labelNames, name: 'c_total', type: 'counter', points } as const;
    return [hasFailed ? { ...family, hasFailed } : family];
  };
}

interface Member {
  readonly process: Process;
  readonly share: ChildShare;
  readonly ends: readonly [ParentEnd, ChildEnd];
}

/** A parent with children, over doors in this process. */
class Program {
  readonly clock = new VirtualClock();
  readonly log = new LogRecorder();
  readonly own = new Process();
  readonly parent: ParentShare;
  #accept!: (door: MessageDoor) => DoorHandler;
  #tasks = 0;

  constructor() {
    const rules = {
      name: NAME,
      clock: this.clock,
      logger: this.log,
      collect: this.own.collect,
      collectTotals: this.own.collectTotals,
      prefix: '',
    };
    this.parent = new ParentShare(rules, (accept) => {
      this.#accept = accept;
      return { close() {} };
    });
  }

  child({ isServed = true } = {}): Member {
    const ends = doorPair({ taskId: this.#tasks++, clock: this.clock, logger: this.log });
    const [parentEnd, childEnd] = ends;
    if (isServed) parentEnd.serveDoor(NAME, (door) => this.#accept(door));
    const process = new Process();
    const { clock, log: logger } = this;
    const { collect, collectTotals } = process;
    const share = new ChildShare({ name: NAME, clock, logger, collect, collectTotals }, (handler) =>
      childEnd.openDoor(NAME, handler),
    );
    onTestFinished(() => {
      share.close();
      parentEnd.kill();
      childEnd.kill();
    });
    return { process, share, ends };
  }

  /** Reads the metrics until they are as wanted: the end of another process is known a little later. */
  async reads(
    { share }: Member,
    isWanted: (families: readonly MetricFamily[]) => boolean,
  ): Promise<readonly MetricFamily[]> {
    for (;;) {
      const families = await share.gather();
      if (isWanted(families)) return families;
    }
  }

  /** Waits until the condition holds. Messages between the ends need turns of the loop, but no time. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The value of a metric without labels, or with these. */
function valueIn(families: readonly MetricFamily[], name: string, ...labels: string[]): number | undefined {
  const points = families.find((family) => family.name === name)?.points ?? [];
  return points.find((point) => point.labels.join() === labels.join())?.values[0];
}

describe('shared metrics', () => {
  it('keep the total of a process that could not read it, also after its end', async () => {
    const program = new Program();
    const [first, second] = [program.child(), program.child()];
    first.process.count = 1000;
    second.process.count = 1000;
    expect(valueIn(await first.share.gather(), 'c_total')).toBe(2000);
    second.process.hasFailed = true;
    expect(valueIn(await first.share.gather(), 'c_total')).toBe(2000);
    program.own.count = 5;
    expect(valueIn(await program.parent.gather(), 'c_total')).toBe(2005);
    program.own.hasFailed = true;
    expect(valueIn(await program.parent.gather(), 'c_total')).toBe(2005);
    second.ends[1].kill();
    const families = await program.reads(first, (all) => valueIn(all, 'metrics_processes', 'replied') === 2);
    expect(valueIn(families, 'c_total')).toBe(2005);
  });

  it('do not read gauges for the totals that a child sends by itself', async () => {
    const program = new Program();
    const { process, share } = program.child();
    for (let push = 0; push < 10; push += 1) {
      program.clock.advance(5_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(process.gaugeReads).toBe(0);
    await share.gather();
    expect(process.gaugeReads).toBe(1);
  });

  it('are the same whichever process reads them', async () => {
    const program = new Program();
    const [first, second] = [program.child(), program.child()];
    program.own.count = 1;
    first.process.count = 20;
    second.process.count = 300;
    for (const share of [first.share, second.share, program.parent]) {
      const page = await share.gather();
      expect([valueIn(page, 'c_total'), valueIn(page, 'g')]).toEqual([321, 321]);
      expect(valueIn(page, 'metrics_processes', 'replied')).toBe(3);
      expect(valueIn(page, 'metrics_processes', 'silent')).toBe(0);
    }
    expect(program.parent.role).toBe('parent');
  });

  it('of a program without children are its own', async () => {
    const program = new Program();
    program.own.count = 5;
    expect(program.parent.role).toBe('alone');
    const page = await program.parent.gather();
    expect(page.map(({ name }) => name)).toEqual(['c_total', 'g']);
  });

  it('keep the totals of a child that does not reply within a second, without its gauges', async () => {
    const program = new Program();
    const [busy, other] = [program.child(), program.child()];
    busy.process.count = 10;
    other.process.count = 1;
    await other.share.gather();
    busy.process.hold();
    busy.process.count = 99;
    const reading = other.share.gather();
    let page: readonly MetricFamily[] | undefined;
    void reading.then((read) => {
      page = read;
    });
    // Timers: the pushes of both children, the limit of the reader, and those of the replies, of which one comes.
    await program.until(() => program.clock.pending === 5);
    await program.until(() => program.clock.pending === 4);
    await program.clock.advance(1_000);
    await program.until(() => page !== undefined);
    expect(valueIn(page ?? [], 'c_total')).toBe(11);
    expect(valueIn(page ?? [], 'g')).toBe(1);
    expect(valueIn(page ?? [], 'metrics_processes', 'silent')).toBe(1);
    expect(valueIn(page ?? [], 'metrics_missed_replies_total')).toBe(1);
    busy.process.release();
    const later = await other.share.gather();
    expect([valueIn(later, 'c_total'), valueIn(later, 'g')]).toEqual([100, 100]);
    expect(valueIn(later, 'metrics_missed_replies_total')).toBe(1);
  });

  it('keep the totals of a child that has ended, and forget its gauges', async () => {
    const program = new Program();
    const [first, second] = [program.child(), program.child()];
    first.process.count = 10;
    second.process.count = 1;
    await second.share.gather();
    first.ends[1].kill();
    let page = await program.reads(second, (read) => valueIn(read, 'metrics_processes', 'replied') === 2);
    expect([valueIn(page, 'c_total'), valueIn(page, 'g')]).toEqual([11, 1]);
    // Its successor begins at 0, and is added.
    program.child().process.count = 5;
    page = await program.reads(second, (read) => valueIn(read, 'metrics_processes', 'replied') === 3);
    expect([valueIn(page, 'c_total'), valueIn(page, 'g')]).toEqual([16, 6]);
  });

  it('lose little of a child that ends before a page is made, since it sends its totals every 5 s', async () => {
    const program = new Program();
    const [first, second] = [program.child(), program.child()];
    await second.share.gather(); // both doors are open
    first.process.count = 10;
    await program.clock.advance(5_000);
    first.process.count = 11;
    first.share.close(); // sends what waits, but nothing of its own
    const page = await program.reads(second, (read) => valueIn(read, 'metrics_processes', 'replied') === 2);
    expect([valueIn(page, 'c_total'), valueIn(page, 'g')]).toEqual([10, 0]);
  });

  it('are read once for calls at the same time', async () => {
    const program = new Program();
    const { share, process } = program.child();
    process.count = 1;
    const pages = await Promise.all([share.gather(), share.gather(), share.gather()]);
    expect(new Set(pages).size).toBe(1);
  });

  it('cannot be read while the parent does not reply; the error says so', async () => {
    const program = new Program();
    const { share, ends } = program.child();
    await share.gather();
    ends[0].pause();
    const reading = share.gather();
    const refused = expect(reading).rejects.toMatchObject({
      name: 'MetricsUnavailableError',
      code: 'ERR_METRICS_UNAVAILABLE',
      message: expect.stringMatching(/did not reply within 5 s/),
    });
    await program.clock.advance(5_000);
    await refused;
    ends[0].resume();
    // The late reply to the first question is not taken for that to the second.
    await share.gather();
  });

  it('cannot be read if the parent has none of the name; the error says what to do', async () => {
    const program = new Program();
    const { share } = program.child({ isServed: false });
    const refused = expect(share.gather()).rejects.toThrow(/did not reply/);
    await program.until(() => program.clock.pending >= 3);
    await program.clock.advance(10_000);
    await refused;
    await program.until(() => program.log.records.some(({ level }) => level === 'error'));
    program.log.expect('error', /above server\.start/);
    await expect(share.gather()).rejects.toThrow(/call new Metrics above server\.start/);
  });

  it('cannot be read after the parent has ended or closed them', async () => {
    for (const end of [
      ({ ends }: Member) => ends[0].kill(),
      (_: Member, program: Program) => program.parent.close(),
      ({ share }: Member) => share.close(),
    ]) {
      const program = new Program();
      const member = program.child();
      await member.share.gather();
      end(member, program);
      await expect(member.share.gather()).rejects.toMatchObject({ code: 'ERR_METRICS_UNAVAILABLE' });
      expect(program.parent.role).toBe('parent');
    }
  });

  it('leave out what is defined in another way than by the latest process, and say so once', async () => {
    const program = new Program();
    const { share, process } = program.child();
    process.count = 1;
    program.own.count = 2;
    program.own.labelNames = ['a'];
    for (let at = 0; at < 2; at += 1) {
      const page = await share.gather();
      expect([valueIn(page, 'c_total'), valueIn(page, 'g')]).toEqual([1, 3]);
    }
    program.log.expect('warn', /c_total is defined in different ways/);
    expect(program.log.records).toEqual([]);
  });
});

import { hasSubscribers } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { AsyncHTTPClient } from '@landspout/httpclient';
import { Application, RequestHandler } from '@landspout/web';
import { type Context, context, propagation, trace } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { afterEach, describe, expect, it } from 'vitest';
import { type TracingOptions, traceWithOpenTelemetry } from '../../src/opentelemetry/index.ts';
import { RecordingLogger, unregister, withTracing } from './fixtures/tracing.ts';

const CHANNELS = [
  'landspout.http.server.request.start',
  'landspout.http.client.request.sent',
  'landspout.websocket.message.start',
  'landspout.topics.run.start',
];

/** Sends a request whose handler sends another. @returns both bodies. */
async function talk(): Promise<string> {
  await using client = new AsyncHTTPClient();
  class Inner extends RequestHandler {
    override get(): void {
      this.write('inner');
    }
  }
  class Outer extends RequestHandler {
    override async get(): Promise<void> {
      const { body } = await client.fetch(`${server.url}/inner`);
      this.write(`outer ${Buffer.from(body)}`);
    }
  }
  const app = new Application([
    ['/outer', Outer],
    ['/inner', Inner],
  ]);
  await using server = await app.listen({ port: 0, host: '127.0.0.1', accessLog: () => {} });
  return Buffer.from((await client.fetch(`${server.url}/outer`)).body).toString();
}

/** A processor that throws in one of its methods, after it was asked to. */
function processor(failing: 'onStart' | 'onEnd'): SpanProcessor {
  const fail = (method: string): void => {
    if (method === failing) throw new Error(`${method} is broken`);
  };
  return {
    onStart: () => fail('onStart'),
    onEnd: () => fail('onEnd'),
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
}

afterEach(unregister);

describe('traceWithOpenTelemetry', () => {
  it('subscribes until it is closed', () => {
    const bridge = traceWithOpenTelemetry();
    expect(CHANNELS.map(hasSubscribers)).toEqual([true, true, true, true]);
    expect(bridge.subjects).toEqual(['requests', 'fetches', 'messages', 'runs']);
    bridge.close();
    bridge.close();
    expect(CHANNELS.map(hasSubscribers)).toEqual([false, false, false, false]);
    expect(inspect(bridge)).toContain('isClosed: true');
  });

  it('subscribes only to what is wanted', () => {
    using bridge = traceWithOpenTelemetry({ requests: false, messages: false, runs: false });
    expect(CHANNELS.map(hasSubscribers)).toEqual([false, true, false, false]);
    expect(bridge.subjects).toEqual(['fetches']);
  });

  it('refuses a second bridge for the same subject, because its spans would hide those of the first', () => {
    using first = traceWithOpenTelemetry({ runs: false });
    expect(() => traceWithOpenTelemetry({ requests: false })).toThrow(
      expect.objectContaining({
        code: 'ERR_TRACING_ACTIVE',
        message: expect.stringContaining(
          'fetches, messages; close it first, or pass fetches: false, messages: false',
        ),
      }),
    );
    using second = traceWithOpenTelemetry({ requests: false, fetches: false, messages: false });
    expect([first.isClosed, second.subjects]).toEqual([false, ['runs']]);
    second.close();
    first.close();
    traceWithOpenTelemetry().close();
  });

  it.each<[unknown, string]>([
    [{ request: true }, 'did you mean "requests"?'],
    [null, 'an object of options was expected, not null'],
    [{ tracerProvider: {} }, 'tracerProvider: a TracerProvider was expected'],
    [{ propagator: { inject() {} } }, 'propagator: a TextMapPropagator was expected'],
    [{ connections: {} }, 'connections: true or false was expected'],
    [{ requests: 1 }, 'requests: an object of options was expected, not 1'],
    [{ requests: { recordQuerys: true } }, 'did you mean "recordQuery"?'],
    [{ requests: { recordQuery: [1] } }, 'recordQuery: true, false or a list of names was expected'],
    [{ requests: { incoming: 'child' } }, "incoming: 'parent' or 'link' or 'ignore' was expected"],
    [{ requests: { ignore: '/health' } }, 'ignore: a function was expected'],
    [{ fetches: { propagate: 'no' } }, 'propagate: true, false or a function was expected'],
    [{ messages: { attributes: {} } }, 'attributes: a function was expected'],
    [{ runs: { recordQuery: true } }, 'unknown option "recordQuery"'],
    [{ logger: {} }, 'a logger was expected'],
  ])('refuses %j, and does not subscribe', (options, problem) => {
    expect(() => traceWithOpenTelemetry(options as TracingOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_TRACING_USAGE', message: expect.stringContaining(problem) }),
    );
    expect(CHANNELS.map(hasSubscribers)).toEqual([false, false, false, false]);
  });

  it('has no effect without an SDK', async () => {
    const logger = new RecordingLogger();
    using bridge = traceWithOpenTelemetry({ logger });
    expect(await talk()).toBe('outer inner');
    expect(bridge.openSpans).toBe(0);
    expect(logger.records).toEqual([]);
  });

  it('uses an SDK that is registered later', async () => {
    using bridge = traceWithOpenTelemetry();
    const exporter = new InMemorySpanExporter();
    new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
    await talk();
    expect(exporter.getFinishedSpans()).toHaveLength(4);
    expect(new Set(exporter.getFinishedSpans().map((span) => span.spanContext().traceId)).size).toBe(1);
    expect(bridge.openSpans).toBe(0);
  });

  it('uses the provider and the propagator of its options', async () => {
    const exporter = new InMemorySpanExporter();
    const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    const carried: string[] = [];
    const propagator = {
      inject: (
        _: Context,
        __: unknown,
        setter: { set(carrier: unknown, name: string, value: string): void },
      ) => setter.set(__, 'X-Trace', 'yes'),
      extract: (
        parent: Context,
        carrier: unknown,
        getter: {
          get(carrier: unknown, name: string): string | string[] | undefined;
          keys(carrier: unknown): string[];
        },
      ) => {
        carried.push(`${getter.get(carrier, 'x-trace')} ${getter.keys(carrier).includes('X-Trace')}`);
        return parent;
      },
      fields: () => ['X-Trace'],
    };
    using _bridge = traceWithOpenTelemetry({ tracerProvider, propagator, logger: new RecordingLogger() });
    await talk();
    expect(carried).toEqual(['yes true', 'yes true']);
    expect(exporter.getFinishedSpans()).toHaveLength(4);
  });
});

describe('without a context manager', () => {
  it('spans are made, each request is connected by its headers, and one warning is logged', async () => {
    const exporter = new InMemorySpanExporter();
    const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    const logger = new RecordingLogger();
    using _bridge = traceWithOpenTelemetry({ tracerProvider, logger });
    expect(await talk()).toBe('outer inner');
    await talk();
    expect(exporter.getFinishedSpans()).toHaveLength(8);
    expect(logger.records.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^OpenTelemetry has no context manager/),
    ]);
  });
});

describe('an SDK that fails', () => {
  it.each(['onStart', 'onEnd'] as const)(
    'in %s of a span processor does not affect what is traced',
    (method) =>
      withTracing({ processors: [processor(method)] }, async ({ log, bridge }) => {
        for (let time = 0; time < 3; time += 1) expect(await talk()).toBe('outer inner');
        expect(log.records).toEqual([
          {
            message: 'tracing failed; what is traced is not affected',
            error: expect.objectContaining({ message: `${method} is broken` }),
          },
        ]);
        expect(bridge.openSpans).toBe(0);
      }),
  );

  it('in the propagator or the context manager does not affect what is traced', () =>
    withTracing({}, async ({ log, waitSpans }) => {
      const broken = (): never => {
        throw new Error('broken');
      };
      propagation.disable();
      propagation.setGlobalPropagator({ inject: broken, extract: broken, fields: () => [] });
      expect(await talk()).toBe('outer inner');
      await waitSpans(4);
      context.disable();
      context.setGlobalContextManager({
        active: broken,
        with: broken,
        bind: broken,
        enable: broken,
        disable: () => broken,
      } as never);
      expect(await talk()).toBe('outer inner');
      expect(log.records).toHaveLength(1);
    }));
});

describe('close', () => {
  it('ends the spans that are open, and no others are made', () =>
    withTracing({}, async ({ bridge, spans }) => {
      await using client = new AsyncHTTPClient();
      let release = (): void => {};
      let hasStarted = (): void => {};
      const started = new Promise<void>((resolve) => {
        hasStarted = resolve;
      });
      class Waiting extends RequestHandler {
        override async get(): Promise<void> {
          await new Promise<void>((resolve) => {
            release = resolve;
            hasStarted();
          });
          this.write('done');
        }
      }
      const app = new Application([['/', Waiting]], { logger: new RecordingLogger() });
      await using server = await app.listen({ port: 0, host: '127.0.0.1' });
      const fetching = client.fetch(server.url);
      await started;
      expect(bridge.openSpans).toBe(2);
      bridge.close();
      expect(bridge.openSpans).toBe(0);
      expect(spans()).toHaveLength(2);
      release();
      expect((await fetching).status).toBe(200);
      expect(spans()).toHaveLength(2);
      expect(trace.getActiveSpan()).toBeUndefined();
    }));
});

import { Runs } from '@landspout/topics';
import { SpanStatusCode, trace } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import {
  activeSpanId,
  RecordingLogger,
  spanIdOf,
  spanOf,
  traceIdOf,
  withTracing,
} from './fixtures/tracing.ts';

describe('the span of a run', () => {
  it('is active in the producer, and linked to the span in which the run was started', () =>
    withTracing({}, async ({ waitSpans }) => {
      await using runs = new Runs({ logger: new RecordingLogger() });
      let inProducer: (string | undefined)[] = [];
      await trace.getTracer('test').startActiveSpan('starter', async (starter) => {
        const handle = await runs.start('answer', { owner: 'ada' }, async (run) => {
          inProducer = [activeSpanId()];
          await run.write('token');
          inProducer.push(activeSpanId());
        });
        starter.end();
        await handle.ended;
      });
      const spans = await waitSpans(2);
      const [run, starter] = [spanOf(spans, 'INTERNAL', 'run'), spanOf(spans, 'INTERNAL', 'starter')];
      expect(inProducer).toEqual([spanIdOf(run), spanIdOf(run)]);
      expect(traceIdOf(run)).not.toBe(traceIdOf(starter));
      expect(run.parentSpanContext).toBeUndefined();
      expect(run.links.map((link) => link.context.spanId)).toEqual([spanIdOf(starter)]);
      expect(run.attributes).toEqual({
        'landspout.run.id': 'answer',
        'landspout.run.attempt': 0,
        'landspout.run.how': 'finished',
      });
      expect(run.status.code).toBe(SpanStatusCode.UNSET);
    }));

  it('is an error if the run fails, and none if it is cancelled', () =>
    withTracing(
      { runs: { attributes: ({ id }) => ({ 'app.kind': id.slice(0, 1) }) } },
      async ({ waitSpans }) => {
        await using runs = new Runs({ logger: new RecordingLogger() });
        const failing = await runs.start('failing', { owner: 'ada' }, async () => {
          throw new RangeError('no');
        });
        expect((await failing.ended).how).toBe('failed');
        const endless = await runs.start(
          'endless',
          { owner: 'ada' },
          ({ signal }) =>
            new Promise((_, reject) => {
              signal.addEventListener('abort', () => reject(signal.reason));
            }),
        );
        await runs.cancel('endless');
        expect((await endless.ended).how).toBe('cancelled');
        const [failed, cancelled] = await waitSpans(2);
        expect(failed?.status.code).toBe(SpanStatusCode.ERROR);
        expect(failed?.attributes).toMatchObject({
          'landspout.run.how': 'failed',
          'error.type': 'RangeError',
          'app.kind': 'f',
        });
        expect(cancelled?.status.code).toBe(SpanStatusCode.UNSET);
        expect(cancelled?.attributes['landspout.run.how']).toBe('cancelled');
      },
    ));
});

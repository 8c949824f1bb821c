import { IOLoop } from '@landspout/ioloop';
import { RecordingLogger } from '../fixtures/running-application.ts';

/** Runs `render` while the logger of the loop records. */
export async function recorded(render: () => unknown): Promise<RecordingLogger> {
  const log = new RecordingLogger();
  const loop = IOLoop.current();
  const { logger } = loop;
  const setLogger = (value: unknown) => Object.defineProperty(loop, 'logger', { value, configurable: true });
  setLogger(log);
  try {
    await render();
  } finally {
    setLogger(logger);
  }
  return log;
}

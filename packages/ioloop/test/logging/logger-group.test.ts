import { describe, expect, it } from 'vitest';
import { createConsoleLogger, type Logger } from '../../src/index.ts';
import { logToAll } from '../../src/logging/index.ts';

function recorded(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  return {
    lines,
    logger: createConsoleLogger({ format: 'json', level: 'debug', write: (line) => lines.push(line) }),
  };
}

describe('logToAll', () => {
  it('passes each record to all loggers, with the details of children', () => {
    const [one, other] = [recorded(), recorded()];
    const log = logToAll(one.logger, other.logger);
    for (const level of ['debug', 'info', 'warn', 'error'] as const)
      log.child?.({ a: 1 })[level]({ b: 2 }, level);
    expect(one.lines.map((line) => JSON.parse(line))).toMatchObject(
      ['debug', 'info', 'warn', 'error'].map((level) => ({ level, msg: level, a: 1, b: 2 })),
    );
    expect(other.lines).toHaveLength(4);
  });

  it('passes a record to the others if one logger throws', () => {
    const { logger, lines } = recorded();
    const broken = { ...logger, info: () => expect.unreachable('mine') };
    expect(() => logToAll(broken, logger).info({}, 'x')).toThrow('mine');
    expect(lines).toHaveLength(1);
  });

  it('needs loggers', () => {
    expect(() => logToAll()).toThrow(expect.objectContaining({ code: 'ERR_LOG_FILE_USAGE' }));
    expect(() => logToAll({} as Logger)).toThrow('logToAll: a logger was expected');
  });
});

// Loggers made of a logger that the program has passed, which may be its own, Node's console, or pino.

import type { Logger } from './logger.ts';

/**
 * Creates a logger that adds `bindings` to the details of its records: by the `child` method of the logger if it has
 * one, otherwise by a wrapper.
 */
export function bindLogger(logger: Logger, bindings: object): Logger {
  return typeof logger.child === 'function' ? logger.child(bindings) : new BoundLogger(logger, bindings);
}

class BoundLogger implements Logger {
  readonly #logger: Logger;
  readonly #bindings: object;

  constructor(logger: Logger, bindings: object) {
    this.#logger = logger;
    this.#bindings = bindings;
  }

  debug(details: object, message: string): void {
    this.#logger.debug({ ...this.#bindings, ...details }, message);
  }

  info(details: object, message: string): void {
    this.#logger.info({ ...this.#bindings, ...details }, message);
  }

  warn(details: object, message: string): void {
    this.#logger.warn({ ...this.#bindings, ...details }, message);
  }

  error(details: object, message: string): void {
    this.#logger.error({ ...this.#bindings, ...details }, message);
  }

  child(bindings: object): Logger {
    return new BoundLogger(this.#logger, { ...this.#bindings, ...bindings });
  }
}

/** The documented property of a pino logger that contains its serializers by the name of the detail. */
const PINO_SERIALIZERS = Symbol.for('pino.serializers');

/**
 * Returns the logger that a layer uses in place of the one it was given: the same one, except for pino. That writes an
 * `Error` as an object with its message and stack only under the name `err`, and `error`, our name, would become `{}`.
 * So its serializer for `err` is used for `error` as well, unless the program has set one. Levels that the program
 * changes later apply as usual.
 */
export function acceptLogger(logger: Logger): Logger {
  const serializers = (logger as { readonly [PINO_SERIALIZERS]?: Readonly<Record<string, unknown>> })[
    PINO_SERIALIZERS
  ];
  if (serializers?.err === undefined || serializers.error !== undefined) return logger;
  return Object.create(logger, {
    [PINO_SERIALIZERS]: {
      value: { ...serializers, error: serializers.err },
      writable: true,
      configurable: true,
    },
  }) as Logger;
}

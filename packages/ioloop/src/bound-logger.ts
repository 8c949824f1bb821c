// Adapts a logger that the program has passed, which may be its own, Node's console, or pino.

import type { Logger } from './logger.ts';

/**
 * Creates a logger that adds `bindings` to the details of its records. Uses the logger's `child` method if it has one,
 * and a wrapper otherwise.
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

/** The documented property of a pino logger that maps the name of a detail to its serializer. */
const PINO_SERIALIZERS = Symbol.for('pino.serializers');

/**
 * Returns the logger that a layer uses in place of the one that was passed: the same one, except for pino. Pino writes
 * the message and stack of an `Error` only if the detail is named `err`; our `error` would become `{}`. So the `err`
 * serializer is used for `error` as well, unless the program has set another. Levels that the program changes later
 * apply as usual.
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

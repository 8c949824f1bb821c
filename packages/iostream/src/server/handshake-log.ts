import type { IOLoop } from '@landspout/ioloop';
import type { RateLimitedLog } from '@landspout/ioloop/reactor';
import { failureCode, type HandshakeError, isScanNoise } from '../tls/handshake-error.ts';
import type { SocketAddress } from '../transport.ts';
import { FailureCounts } from './failure-counts.ts';

/**
 * Logs the failed handshakes of a server: at most one record per minute, with the error and the address of the last
 * failure, and the number of failures by code.
 */
export class HandshakeLog {
  readonly #loop: IOLoop;
  readonly #log: RateLimitedLog;
  /** Those since the last record was written. */
  readonly #failures = new FailureCounts();

  constructor(loop: IOLoop, log: RateLimitedLog) {
    this.#loop = loop;
    this.#log = log;
  }

  failed(error: HandshakeError, remoteAddress: SocketAddress): void {
    withoutStacks(error);
    if (isScanNoise(error)) {
      this.#loop.logger.debug({ error, remoteAddress }, 'a TLS handshake was not completed');
      return;
    }
    const failures = this.#failures;
    failures.add(failureCode(error));
    const details = {
      error,
      remoteAddress,
      /** Read when the record is written, which may be up to a minute later. */
      get reasons() {
        return failures.take();
      },
    };
    this.#log.warn('tls-handshake', details, 'a TLS handshake failed');
  }
}

/**
 * Any port scanner causes these errors, and their stacks show only where events of the loop are received. The stack of a
 * cause without a code is kept: it is an error of the program.
 */
function withoutStacks(error: Error): void {
  const { cause } = error;
  error.stack = `${error.name}: ${error.message}`;
  if (cause instanceof Error && typeof (cause as { code?: unknown }).code === 'string') withoutStacks(cause);
}

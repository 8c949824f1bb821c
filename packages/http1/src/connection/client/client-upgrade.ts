import { type OptionNames, optionsProblem } from '@landspout/ioloop/errors';
import { onAbort } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import type { ResponseHead } from '../../delegate.ts';
import type { HTTPHeaders, Http1Limits } from '../../protocol/index.ts';
import { HTTPUsageError } from '../errors.ts';
import { ClientConnection } from './client-connection.ts';

/** A request without a body that asks to leave HTTP: with `Upgrade`, or the method CONNECT. */
export interface UpgradeRequest {
  readonly method: string;
  readonly target: string;
  /** Must have Host, and for an upgrade `Connection: Upgrade` and `Upgrade`. */
  readonly headers: HTTPHeaders;
}

export interface UpgradeOptions {
  readonly limits?: Partial<Http1Limits>;
  /** Ends the wait, and closes the stream. */
  readonly signal?: AbortSignal;
}

const UPGRADE_OPTIONS: OptionNames<UpgradeOptions> = { limits: true, signal: true };

export interface UpgradeResult {
  readonly head: ResponseHead;
  /** The same stream, with what came behind the head; `undefined` when the peer refused: then it is closed. */
  readonly stream: IOStream | undefined;
}

/**
 * Asks the peer of a fresh stream to switch protocols, and gives the stream back when it agreed (RFC 9110 §7.8).
 * That the right protocol was switched to is the caller's to check.
 *
 * @throws Http1UsageError for a head that must not reach the wire; Http1ProtocolError when the peer does not speak
 *   HTTP; HTTPClosedError when it leaves; the reason of `signal`. The stream is closed in each case.
 */
export function requestUpgrade(
  stream: IOStream,
  request: UpgradeRequest,
  options: UpgradeOptions = {},
): Promise<UpgradeResult> {
  const { limits, signal } = options;
  return new Promise<UpgradeResult>((resolve, reject) => {
    const problem = optionsProblem(options, UPGRADE_OPTIONS);
    if (problem !== undefined) {
      stream.close();
      throw new HTTPUsageError(`requestUpgrade: ${problem}`);
    }
    const connection = new ClientConnection(stream, limits === undefined ? {} : { limits });
    let stopListening: (() => void) | undefined;
    try {
      signal?.throwIfAborted();
      const delegate = {
        headersReceived(head: ResponseHead): void {
          stopListening?.();
          const switches =
            head.status === 101 || (request.method === 'CONNECT' && Math.floor(head.status / 100) === 2);
          resolve({ head, stream: switches ? connection.detach() : undefined });
          if (!switches) connection.close();
        },
        dataReceived(): void {},
        finish(): void {},
        connectionClosed(reason: Error): void {
          stopListening?.();
          reject(reason);
        },
      };
      connection.begin({ ...request, bodyBytes: 0 }, delegate);
      stopListening = onAbort(signal, (reason) => connection.abort(reason as Error));
    } catch (error) {
      stream.close(error instanceof Error ? error : undefined);
      reject(error);
    }
  });
}

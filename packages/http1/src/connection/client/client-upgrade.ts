import { type OptionNames, optionsProblem } from '@landspout/ioloop/errors';
import { onAbort } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import type { ResponseHead } from '../../delegate.ts';
import type { HTTPHeaders, Http1Limits } from '../../protocol/index.ts';
import { HTTPUsageError } from '../errors.ts';
import { ClientConnection } from './client-connection.ts';

/** A request without a body that asks to switch protocols, with `Upgrade` or the method CONNECT. */
export interface UpgradeRequest {
  readonly method: string;
  readonly target: string;
  /** Must contain Host; for an upgrade, also `Connection: Upgrade` and `Upgrade`. */
  readonly headers: HTTPHeaders;
}

export interface UpgradeOptions {
  readonly limits?: Partial<Http1Limits>;
  /** Aborts the wait for the response, and closes the stream. */
  readonly signal?: AbortSignal;
}

const UPGRADE_OPTIONS: OptionNames<UpgradeOptions> = { limits: true, signal: true };

export interface UpgradeResult {
  readonly head: ResponseHead;
  /**
   * The stream, which first delivers the bytes that followed the head. If the server refused, this is `undefined`, and
   * the stream is closed.
   */
  readonly stream: IOStream | undefined;
}

/**
 * Asks the server on a new stream to switch protocols, and returns the stream if it agrees (RFC 9110 §7.8). The caller
 * must check that the server switched to the right protocol.
 *
 * @throws Http1UsageError if the request head must not be sent or a limit is invalid; HTTPUsageError if an option is
 *   unknown; Http1ProtocolError if the response is not valid HTTP; HTTPClosedError if the connection ends; the reason
 *   of `signal`. In each case, the stream is closed.
 */
export function requestUpgrade(
  stream: IOStream,
  request: UpgradeRequest,
  options: UpgradeOptions = {},
): Promise<UpgradeResult> {
  const { limits, signal } = options;
  return new Promise<UpgradeResult>((resolve, reject) => {
    let stopListening: (() => void) | undefined;
    try {
      const problem = optionsProblem(options, UPGRADE_OPTIONS);
      if (problem !== undefined) throw new HTTPUsageError(`requestUpgrade: ${problem}`);
      const connection = new ClientConnection(stream, limits === undefined ? {} : { limits });
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

import type { Clock } from '../../clock.ts';
import { IOLoop } from '../../loop/io-loop.ts';
import { RenewedSecret, type SecretRecord } from './renewed-secret.ts';
import { tellParent } from './task-channel.ts';

/** A secret that is renewed from time to time, from which keys are derived. */
export type SharedSecret = Pick<RenewedSecret, 'version' | 'derive'>;

/** The secret of the parent, in a child. */
let received: RenewedSecret | undefined;
let whenReceived: (() => void) | undefined;
const own = new WeakMap<IOLoop, RenewedSecret>();

/**
 * Returns the secret that all children of one parent share: they derive the same keys from it, which are renewed every
 * 12 hours. In a child, it is there once `forkProcesses` has returned. In any other process or thread, the secret
 * belongs to the loop. The process keeps it in memory only.
 *
 * Do not keep the result: a child has a secret of its own until its parent's arrives.
 *
 * @param loop - its clock measures the time until the renewals, if the secret belongs to it.
 * @internal For servers whose processes need the same keys, such as those of TLS session tickets.
 */
export function sharedSecret(loop: IOLoop = IOLoop.current()): SharedSecret {
  if (received !== undefined) return received;
  let secret = own.get(loop);
  if (secret === undefined) {
    secret = new RenewedSecret(loop.clock);
    own.set(loop, secret);
  }
  return secret;
}

/** How long a child waits for the secret. A parent that takes longer is suspended, or does not know the request. */
const WAIT_MS = 5_000;

/**
 * Asks the parent for the secret. Resolves when it has arrived, when the parent has ended, or after 5 s; then this
 * process uses a secret of its own, until the parent's arrives.
 */
export async function requestSecret(): Promise<void> {
  if (!process.connected) return;
  await new Promise<void>((resolve) => {
    // Also keeps the process alive, which the channel does not.
    const timer = setTimeout(resolve, WAIT_MS);
    const settle = (): void => {
      clearTimeout(timer);
      process.off('disconnect', settle);
      resolve();
    };
    process.once('disconnect', settle);
    whenReceived = settle;
    tellParent({ kind: 'secret-request' });
  });
  whenReceived = undefined;
}

/** Handles the parent's response to {@link requestSecret}, and each renewal. */
export function secretReceived(record: SecretRecord, clock: Clock): void {
  received ??= new RenewedSecret(clock);
  received.adopt(record);
  whenReceived?.();
}

import type { Clock } from '../../clock.ts';
import { RenewedSecret } from '../messages/renewed-secret.ts';
import type { TaskChild } from './task-child.ts';

/**
 * The parent's side of `sharedSecret`: makes the secret when a child requests it for the first time, and sends it to
 * each child that has requested it, and again after each renewal.
 */
export class SecretSender {
  readonly #clock: Pick<Clock, 'now' | 'setTimeout'>;
  readonly #children = new Set<TaskChild>();
  #secret: RenewedSecret | undefined;

  /** @param clock - measures the time until the renewals. */
  constructor(clock: Pick<Clock, 'now' | 'setTimeout'>) {
    this.#clock = clock;
  }

  requested(child: TaskChild): void {
    this.#secret ??= new RenewedSecret(this.#clock, () => {
      for (const each of this.#children) this.#send(each);
    });
    this.#children.add(child);
    void child.ended.then(() => this.#children.delete(child));
    this.#send(child);
  }

  /** Ends the renewals. */
  close(): void {
    this.#secret?.close();
  }

  #send(child: TaskChild): void {
    if (this.#secret !== undefined) child.tell({ kind: 'secret', ...this.#secret.toRecord() });
  }
}

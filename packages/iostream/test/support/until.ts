import { readdirSync } from 'node:fs';

/** Waits, turn after turn, until something is true; a test that waits in vain is ended by its own limit. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** How many descriptors this process has open, where that can be seen. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Waits until no more descriptors are open than there were. */
export async function untilDescriptorsAre(count: number): Promise<void> {
  await until(() => openDescriptors() <= count);
}

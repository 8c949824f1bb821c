import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';

/** Of a child: its end of the pipe that a failed start is told by, and what it opens or duplicates before it runs. */
const DESCRIPTORS_OF_A_START = 6;

/**
 * Makes sure that a child with `pipes` pipes can be started, by opening and closing as many descriptors as it takes.
 *
 * Node loses the pipes of a child for good when the descriptors run out after they were made (seen with Node 20 to 26):
 * one server that is short of descriptors and goes on trying would have none left soon. Asking costs a few
 * microseconds for each, where a start costs a millisecond. Other threads may take what was free here.
 *
 * @throws Node's error, its code `EMFILE` or `ENFILE`.
 */
export function requireFreeDescriptors(pipes: number): void {
  const opened: number[] = [];
  try {
    const needed = pipes * 2 + DESCRIPTORS_OF_A_START;
    while (opened.length < needed) opened.push(openSync(devNull, 'r'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A system without such a file may be left to its luck.
    if (code === 'EMFILE' || code === 'ENFILE') throw error;
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

import { IOLoop } from '@landspout/ioloop';
import { describe, it } from 'vitest';
import { streamCompliance } from '../../src/compliance/index.ts';
import { openFd } from '../../src/index.ts';
import { pairOverFifo } from '../support/transport-pairs.ts';

streamCompliance(
  'IOStream over a FIFO',
  { describe, it },
  () => pairOverFifo((fd, direction) => openFd(fd, { direction })),
  // libuv does not watch a writing end for its reader.
  { reset: 'as-end', oneWay: true, tellsClose: IOLoop.current().backend === 'native' },
);

import { describe, it } from 'vitest';
import { streamCompliance } from '../../src/compliance/index.ts';
import { pairOfSockets } from '../support/transport-pairs.ts';

streamCompliance('IOStream over a Node socket', { describe, it }, () =>
  pairOfSockets({ allowHalfOpen: true }),
);

streamCompliance(
  'IOStream over a Node socket that ends with its peer',
  { describe, it },
  () => pairOfSockets({ allowHalfOpen: false }),
  { halfClose: false },
);

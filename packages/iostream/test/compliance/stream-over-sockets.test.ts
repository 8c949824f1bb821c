import { describe, it } from 'vitest';
import { streamCompliance } from '../../src/compliance/index.ts';
import { pairOver } from '../support/transport-pairs.ts';

streamCompliance('IOStream over TCP', { describe, it }, () => pairOver('TCP'));

streamCompliance('IOStream over a Unix socket', { describe, it }, () => pairOver('a Unix socket'), {
  reset: 'as-end',
  tellsClose: true,
});

import { describe, it } from 'vitest';
import { streamCompliance } from '../../src/compliance/index.ts';
import { pairOver } from '../support/transport-pairs.ts';

streamCompliance('IOStream over TLS', { describe, it }, () => pairOver('TLS'));

streamCompliance('IOStream over TLS, the server writing', { describe, it }, async () => {
  const { a: client, b: server, close } = await pairOver('TLS');
  return { a: server, b: client, close };
});

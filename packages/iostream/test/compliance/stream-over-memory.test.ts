import { describe, it } from 'vitest';
import { streamCompliance } from '../../src/compliance/index.ts';
import { memoryPair } from '../../src/transports/index.ts';

streamCompliance('IOStream over memory', { describe, it }, async () => {
  const [a, b] = memoryPair();
  return { a, b, close: async () => {} };
});

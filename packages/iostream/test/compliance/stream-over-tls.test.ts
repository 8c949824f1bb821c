import { describe, it } from 'vitest';
import { streamCompliance } from '../../src/compliance/index.ts';
import { itNatively } from '../support/native-case.ts';
import { nativePair } from '../support/native-tls.ts';
import { pairOver, turned } from '../support/transport-pairs.ts';

const framework = { describe, it };
const natively = { describe, it: itNatively };

streamCompliance('IOStream over TLS', framework, () => pairOver('TLS'));

streamCompliance('IOStream over TLS, the server writing', framework, async () =>
  turned(await pairOver('TLS')),
);

const bare = { bareEnds: true };
streamCompliance('IOStream over TlsTransport', natively, () => nativePair(), bare);
streamCompliance(
  'IOStream over TlsTransport, the server writing',
  natively,
  async () => turned(await nativePair()),
  bare,
);

import assert from 'node:assert/strict';
import {
  type CompliancePair,
  resolveCapabilities,
  type TestFramework,
  type TransportCapabilities,
} from './capabilities.ts';
import { fileCompliance } from './file-compliance.ts';
import { transportBareEnds } from './transport-bare-ends.ts';
import { transportDelivery } from './transport-delivery.ts';
import { transportEndings } from './transport-endings.ts';
import { makeTransportSuite, type TransportSuite } from './transport-suite.ts';

/**
 * Registers, under `name`, cases that check what every transport must do. If a case covers an item of the checklist,
 * its name contains the ID of the item (`[STR-09]`).
 *
 * @param makePair - creates a new pair for each case.
 * @param capabilities - how the transport differs from TCP. If a capability is missing, the cases check the behaviour
 *   that replaces it.
 */
export function transportCompliance(
  name: string,
  framework: TestFramework,
  makePair: () => Promise<CompliancePair>,
  capabilities: TransportCapabilities = {},
): void {
  framework.describe(name, () => {
    const suite = makeTransportSuite(framework, makePair, resolveCapabilities(capabilities));
    transportDelivery(suite);
    transportEndings(suite);
    transportBareEnds(suite);
    transportSettings(suite);
    fileCompliance(framework, makePair);
  });
}

function transportSettings({ check }: TransportSuite): void {
  check('returns both addresses, even after the close', async (a, b) => {
    const { localAddress, remoteAddress } = a.transport;
    if ('port' in localAddress) {
      assert.deepEqual(localAddress, b.transport.remoteAddress);
      assert.deepEqual(remoteAddress, b.transport.localAddress);
      assert.ok(localAddress.port > 0);
    } else {
      assert.equal(b.transport.remoteAddress.family, localAddress.family);
    }
    a.act((transport) => transport.close());
    await a.until(({ closings }) => closings > 0);
    assert.deepEqual(a.transport.localAddress, localAddress);
    assert.deepEqual(a.transport.remoteAddress, remoteAddress);
  });

  check('[STR-13] accepts ref, unref and setNoDelay in any order', async (a, b) => {
    a.act((transport) => {
      transport.unref();
      transport.unref();
      transport.setNoDelay(false);
      transport.ref();
      transport.ref();
      transport.setNoDelay(true);
    });
    b.act((transport) => transport.resume());
    a.act((transport) => transport.write('still works'));
    await b.until(({ receivedBytes }) => receivedBytes === 11);
  });
}

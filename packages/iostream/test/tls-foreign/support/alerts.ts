import { IOLoop } from '@landspout/ioloop';
import { expect } from 'vitest';

/**
 * Expects the words of a foreign end to name an alert. Only native TLS sends alerts for certificates and names: node:tls
 * closes the connection, and the foreign end fails without one.
 *
 * @param alert - in OpenSSL's words, without those that differ between versions.
 */
export function expectAlert(failure: string | undefined, alert: string): void {
  if (IOLoop.current().tls === 'native') expect(failure).toContain(alert);
}

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import path from 'node:path';

/**
 * Gets the first part of a body over HTTPS, from a server with the certificate `cert.pem` of `folder`, and closes the
 * connection.
 *
 * @param {number} port
 * @param {string} folder
 * @param {import('node:https').RequestOptions} [options]
 * @returns {Promise<string>}
 */
export function readSecurely(port, folder, options = {}) {
  const ca = readFileSync(path.join(folder, 'cert.pem'));
  return new Promise((resolve, reject) => {
    const asked = request({ host: 'localhost', port, ca, agent: false, ...options }, (response) => {
      assert.equal(response.statusCode, 200);
      response.once('data', (bytes) => {
        response.destroy();
        resolve(String(bytes));
      });
    });
    asked.on('error', reject).end();
  });
}

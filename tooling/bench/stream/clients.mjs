import { Child } from '../child.mjs';

/**
 * Starts a client on the cores of the load.
 *
 * @param {string} name - for messages.
 * @param {import('../server.mjs').Stage} stage
 * @param {readonly (string | number)[]} command
 */
export function startClient(name, { cores, files }, command) {
  return new Child(name, command.map(String), { cores: cores.load, files });
}

/** Runs a client that measures by itself, and answers what it says. @param {Parameters<typeof startClient>} args */
export async function runClient(...args) {
  const client = startClient(...args);
  try {
    return await client.nextLine();
  } finally {
    await client.stop();
  }
}

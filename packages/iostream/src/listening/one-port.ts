import { SystemError } from '@landspout/ioloop';
import { isMissingAddress, type ListenAddress } from './listen-addresses.ts';
import type { Listener } from './listener.ts';

/** Maximum number of attempts to find a port that is free in both address families. */
const PORT_ATTEMPTS = 10;

/**
 * Opens a socket on each of `addresses`, all on the same port. With port 0 the system selects a port for the first
 * address; if another address has that port in use, all sockets are closed and another port is tried, up to 10 times.
 *
 * @param open - opens one socket.
 * @throws what `open` throws, except if an address with `mayBeMissing` does not exist on this machine; the sockets
 *   opened so far are closed then.
 */
export async function openOnOnePort<Opened extends Listener>(
  addresses: readonly ListenAddress[],
  port: number,
  open: (address: string, port: number) => Promise<Opened>,
): Promise<Opened[]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await openEach(addresses, port, open);
    } catch (error) {
      const isUnlucky =
        port === 0 && addresses.length > 1 && error instanceof SystemError && error.code === 'EADDRINUSE';
      if (!isUnlucky || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function openEach<Opened extends Listener>(
  addresses: readonly ListenAddress[],
  port: number,
  open: (address: string, port: number) => Promise<Opened>,
): Promise<Opened[]> {
  const sockets: Opened[] = [];
  let onePort = port;
  try {
    for (const { address, mayBeMissing } of addresses) {
      try {
        const socket = await open(address, onePort);
        sockets.push(socket);
        if ('port' in socket.address) onePort = socket.address.port;
      } catch (error) {
        if (!mayBeMissing || !isMissingAddress(error)) throw error;
      }
    }
    return sockets;
  } catch (error) {
    await Promise.all(sockets.map((socket) => socket.close()));
    throw error;
  }
}

import { SystemError } from '@landspout/ioloop';
import { isMissingAddress, type ListenAddress } from './listen-addresses.ts';
import type { Listener } from './listener.ts';

/** How often a free port of one family may turn out to be taken in the other. */
const PORT_ATTEMPTS = 10;

/**
 * Opens a socket on each of `addresses`, all with one port: with port 0 the one that the system picks for the first,
 * and when another has that port in use already, from the start with another pick.
 *
 * @param open - opens one.
 * @throws what `open` throws, other than that an address which may be missing is; those that were open are closed then.
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

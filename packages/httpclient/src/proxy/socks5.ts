import type { OptionNames } from '@landspout/ioloop/errors';
import type { IOStream } from '@landspout/iostream';
import { clientChecks, HTTPClientUsageError } from '../request/usage.ts';
import { broken, HTTPProxyError } from './errors.ts';
import { checkNegotiation, type NegotiationOptions, withinLimits } from './negotiation.ts';
import type { ProxySettings } from './proxy-settings.ts';
import {
  CHOICE_BYTES,
  checkCredentialsStatus,
  decodeMethodChoice,
  LENGTH_FOLLOWS,
  PORT_BYTES,
  REPLY_HEAD_BYTES,
  replyAddressBytes,
  Socks5Error,
  socks5ConnectRequest,
  socks5Credentials,
  socks5Greeting,
} from './socks5-messages.ts';

const SOCKS5_OPTIONS: OptionNames<NegotiationOptions> = {
  signal: true,
  timeoutMs: true,
};

/**
 * Asks a SOCKS5 proxy to connect to a server (RFC 1928), with user name and password if the settings have them (RFC
 * 1929). When the promise resolves, the stream is connected to the server; bytes after the reply of the proxy are left
 * in it.
 *
 * @param stream - a new connection to the proxy. It is closed if the call fails.
 * @param host - a name, which the proxy resolves, or a numeric address without brackets.
 * @throws HTTPProxyError with the `reply` if the proxy refused, and a Socks5Error or StreamClosedError as its cause;
 *   HTTPClientUsageError if an argument is invalid; the reason of `signal`.
 */
export async function connectThroughSocks5(
  stream: IOStream,
  host: string,
  port: number,
  settings: ProxySettings,
  options: NegotiationOptions = {},
): Promise<IOStream> {
  try {
    clientChecks.options('connectThroughSocks5', options, SOCKS5_OPTIONS);
    checkNegotiation('connectThroughSocks5', options);
    const request = encodedRequest(host, port);
    await withinLimits(settings.name, stream.options.clock, options, (signal) =>
      negotiate(stream, request, settings, signal),
    );
    return stream;
  } catch (error) {
    stream.close(error instanceof Error ? error : undefined);
    throw error;
  }
}

async function negotiate(
  stream: IOStream,
  request: Buffer,
  settings: ProxySettings,
  signal: AbortSignal,
): Promise<void> {
  const { credentials, name } = settings;
  const hasCredentials = credentials !== undefined;
  try {
    stream.send(socks5Greeting(hasCredentials));
    const mustAuthenticate = decodeMethodChoice(
      await stream.readBytes(CHOICE_BYTES, { signal }),
      hasCredentials,
    );
    if (mustAuthenticate && hasCredentials) {
      stream.send(socks5Credentials(credentials.username, credentials.password));
      checkCredentialsStatus(await stream.readBytes(CHOICE_BYTES, { signal }));
    }
    stream.send(request);
    let addressBytes = replyAddressBytes(await stream.readBytes(REPLY_HEAD_BYTES, { signal }));
    if (addressBytes === LENGTH_FOLLOWS) addressBytes = (await stream.readBytes(1, { signal }))[0] as number;
    // The address that the proxy uses towards the server is of no use here.
    await stream.readBytes(addressBytes + PORT_BYTES, { signal });
  } catch (cause) {
    if (!(cause instanceof Socks5Error)) throw broken(name, 'the SOCKS5 negotiation', cause);
    throw new HTTPProxyError(name, cause.message, {
      cause,
      reply: cause.reply,
    });
  }
}

function encodedRequest(host: string, port: number): Buffer {
  try {
    return socks5ConnectRequest(host, port);
  } catch (error) {
    if (!(error instanceof Socks5Error)) throw error;
    const message = `connectThroughSocks5: ${error.message}`;
    throw new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', message, {
      cause: error,
    });
  }
}

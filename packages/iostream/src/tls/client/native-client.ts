import { X509Certificate } from 'node:crypto';
import type { ClockTimer, IOLoop } from '@landspout/ioloop';
import { onAbort, type Reactor, systemError, type TlsBinding } from '@landspout/ioloop/reactor';
import type { ProxiedConnection, SocketAddress, TakenDescriptor, Transport } from '../../transport.ts';
import { HandshakeQueue } from '../../transports/handshake-queue.ts';
import { readNativeTlsInfo } from '../../transports/native-tls-info.ts';
import { TlsFailure } from '../../transports/tls-failure.ts';
import { TlsHandshake } from '../../transports/tls-handshake.ts';
import { TlsTransport, type TlsWatcher } from '../../transports/tls-transport.ts';
import { reportKeyLines } from '../key-log.ts';
import type { ClientContext } from './client-context.ts';
import {
  connectionFailure,
  type HandshakePeer,
  handshakeFailure,
  handshakeTooLong,
  refusedCertificate,
} from './client-failure.ts';
import { ClientSessions } from './client-sessions.ts';
import type { TlsClientSettings } from './client-settings.ts';

/** A plain connection on the reactor that was taken from its transport. */
interface TakenConnection {
  readonly loop: IOLoop;
  readonly reactor: Reactor;
  readonly binding: TlsBinding;
  readonly descriptor: TakenDescriptor;
  readonly localAddress: SocketAddress;
  readonly remoteAddress: SocketAddress;
  readonly proxied: ProxiedConnection | undefined;
}

/** Performs the client's side of a handshake with the native calls. */
export function secureOnDescriptor(
  from: TakenConnection,
  context: ClientContext,
  settings: TlsClientSettings,
  signal: AbortSignal | undefined,
): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const { loop, reactor, binding, descriptor, remoteAddress } = from;
    const { slot, generation } = descriptor;
    const peer: HandshakePeer = {
      host: settings.server.host,
      remoteAddress,
      isAnonymous: settings.isAnonymous,
    };
    const sessions = new ClientSessions(settings, remoteAddress);
    try {
      prepare(from, context, settings, sessions);
    } catch (error) {
      reactor.binding.close(slot, generation);
      throw handshakeFailure(error as Error, peer);
    }
    let deadline: ClockTimer | undefined;
    let stopListening = (): void => {};
    const end = (): void => {
      deadline?.cancel();
      stopListening();
    };
    const giveUp = (reason: unknown): void => {
      end();
      handshake.cancel();
      reject(reason);
    };
    const keyLines = keyLinesOf(settings, loop);
    const handshake = new TlsHandshake(loop, reactor, binding, descriptor, HandshakeQueue.of(reactor), {
      complete(hasInput) {
        end();
        resolve(completed(from, sessions, peer, keyLines, hasInput));
      },
      failed(error) {
        end();
        reject(failureOf(error, peer));
      },
      ...(keyLines === undefined ? {} : { keyLines }),
    });
    stopListening = onAbort(signal, giveUp);
    const { handshakeTimeoutMs } = settings;
    if (handshakeTimeoutMs > 0)
      deadline = loop.clock.setTimeout(
        () => giveUp(handshakeTooLong(handshakeTimeoutMs, peer)),
        handshakeTimeoutMs,
      );
    handshake.start();
  });
}

/** Everything that the handshake needs before its first step. */
function prepare(
  { binding, descriptor }: TakenConnection,
  context: ClientContext,
  { server }: TlsClientSettings,
  { offered }: ClientSessions,
): void {
  const { slot, generation, early } = descriptor;
  const result = binding.tlsAttach(slot, generation, context.nativeContext(binding).number, early);
  if (result < 0) throw systemError(result, 'attach');
  binding.tlsExpect(slot, generation, server.servername, server.host, server.isAddress);
  if (offered !== undefined) binding.tlsResume(slot, generation, offered);
}

type KeyLines = ((lines: string) => void) | undefined;

function keyLinesOf({ keyLog }: TlsClientSettings, loop: IOLoop): KeyLines {
  return keyLog === undefined ? undefined : (lines) => reportKeyLines(keyLog, lines, loop);
}

function completed(
  from: TakenConnection,
  sessions: ClientSessions,
  peer: HandshakePeer,
  keyLines: KeyLines,
  hasInput: boolean,
): Transport {
  const { binding, descriptor } = from;
  const tls = readNativeTlsInfo(binding, descriptor, { isServer: false, peerExpected: true });
  if (sessions.areKept) {
    if (tls.isSessionReused) sessions.resumed(tls.protocol);
    // Those of TLS 1.2 were issued in the handshake.
    takeSessions(binding, descriptor, sessions);
  }
  const explain = (failure: TlsFailure): Error => connectionFailure(failure, peer);
  return new TlsTransport({ ...from, tls, watcher: watcherOf(sessions, keyLines), explain, hasInput });
}

function takeSessions(
  binding: TlsBinding,
  { slot, generation }: TakenDescriptor,
  sessions: ClientSessions,
): void {
  for (;;) {
    const session = binding.tlsSession(slot, generation);
    if (session === undefined) return;
    sessions.issued(toBuffer(session));
  }
}

/** Without a copy. */
function toBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** What the transport reports after the handshake: the sessions of TLS 1.3, and keys that were replaced. */
function watcherOf(sessions: ClientSessions, keyLines: KeyLines): TlsWatcher | undefined {
  if (!sessions.areKept && keyLines === undefined) return undefined;
  return {
    closed() {},
    session: (_, session) => sessions.issued(toBuffer(session)),
    ...(keyLines === undefined ? {} : { keyLines }),
  };
}

function failureOf(error: Error, peer: HandshakePeer): Error {
  // There may be a verification result although the handshake failed for another reason.
  const isRefusal = error instanceof TlsFailure && error.code === 'ERR_SSL_CERTIFICATE_VERIFY_FAILED';
  if (!isRefusal) return handshakeFailure(error, peer);
  const { verifyCode = 'UNSPECIFIED', certificate } = error;
  return refusedCertificate(
    verifyCode,
    peer,
    certificate === undefined ? undefined : new X509Certificate(certificate),
    error,
  );
}

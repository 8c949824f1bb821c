import { constants } from 'node:os';
import type { NativeBinding, TlsBinding } from '@landspout/ioloop/reactor';
import type { TlsVersion } from '../../../src/index.ts';
import { CIPHERS } from '../support/record-cipher.ts';
import { RecordSplitter } from '../support/records.ts';
import type { Direction } from '../support/relay.ts';
import { ConnectionKeys, KeyedDirection } from './keyed-direction.ts';
import { mutateMessage } from './message-mutations.ts';
import { Finding, NativeEnd, type Pair } from './native-end.ts';
import { pick, type Random, seededRandom } from './seeded-random.ts';
import { mutateRecord } from './wire-mutations.ts';

/** Certificates and keys in DER. */
export interface MutationCredentials {
  readonly authority: Uint8Array;
  readonly server: readonly [certificate: Uint8Array, key: Uint8Array];
  readonly client: readonly [certificate: Uint8Array, key: Uint8Array];
}

export interface MutationTally {
  connections: number;
  /** Records that were changed, left out or added to. */
  mutated: number;
  /** Handshakes that were completed by both ends nevertheless. */
  completed: number;
  /** How often an end has failed, by OpenSSL's reason. */
  readonly reasons: Map<string, number>;
}

const VERSIONS: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3'];
/** Turns of one connection, before it is taken for one that never ends. */
const MOST_TURNS = 400;
const BUFFER = Buffer.alloc(64 * 1024);
/** Records of earlier connections that are kept for replays. */
const MOST_KEPT = 200;

/**
 * Connections between a native client and a native server over real sockets, with a relay that changes records: as they
 * are on the wire, or, with the keys of the connection, what is in them.
 */
export class MutationRun {
  readonly tally: MutationTally = { connections: 0, mutated: 0, completed: 0, reasons: new Map() };
  readonly #binding: NativeBinding;
  readonly #tls: TlsBinding;
  readonly #random: Random;
  readonly #listener: Pair;
  readonly #path: string;
  readonly #contexts: number[] = [];
  readonly #servers: number[];
  readonly #clients = new Map<TlsVersion, number[]>();
  readonly #kept: Buffer[] = [];
  readonly #sessions: Uint8Array[] = [];
  readonly #liveBefore: number;

  constructor(binding: NativeBinding, tls: TlsBinding, credentials: MutationCredentials, seed: number) {
    this.#binding = binding;
    this.#tls = tls;
    this.#random = seededRandom(seed);
    this.#servers = this.#openServers(credentials);
    for (const version of VERSIONS) this.#clients.set(version, this.#openClients(version, credentials));
    this.#path = `\0landspout-mutations-${process.pid}-${seed}`;
    const { AF_UNIX, SOCK_STREAM } = binding.constants;
    this.#listener = this.#live(binding.socket(AF_UNIX, SOCK_STREAM));
    binding.bindUnix(...this.#listener, this.#path);
    binding.listen(...this.#listener, 16);
    this.#liveBefore = binding.liveSlots();
  }

  /** Runs one connection. @throws Finding if a property of the native calls does not hold. */
  runConnection(): void {
    const random = this.#random;
    const version = pick(random, VERSIONS);
    const isKeyed = random(2) === 0;
    const [client, clientWire] = this.#connect();
    const [serverWire, server] = this.#connect();
    const wires: Record<Direction, Pair> = { client: clientWire, server: serverWire };
    const ends = this.#attach(client, server, version);
    const keys = new ConnectionKeys();
    // Some connections are changed late, so that they get far.
    const isDue = this.#random(3) === 0 ? () => ends.client.isComplete && ends.server.isComplete : () => true;
    const relays = {
      client: this.#relay('client', version, isKeyed, keys, isDue),
      server: this.#relay('server', version, isKeyed, keys, isDue),
    };
    try {
      let quiet = 0;
      for (let turn = 0; quiet < 3; turn += 1) {
        if (turn === MOST_TURNS) throw new Finding('a connection that does not come to an end');
        for (const side of ['client', 'server'] as const) {
          ends[side].step(() => this.#chooseContext());
          keys.add(ends.server.takeKeyLog());
          const other = side === 'client' ? 'server' : 'client';
          const moved = this.#move(wires[side], wires[other], relays[side]);
          quiet = moved ? 0 : quiet + 0.5;
        }
        if (turn < 30) this.#talk(ends, turn);
      }
      if (!isKeyed) checkDelivery(ends);
      this.#learn(ends);
    } finally {
      for (const end of Object.values(ends)) end.close();
      for (const wire of Object.values(wires)) this.#binding.close(...wire);
    }
    if (this.#binding.liveSlots() !== this.#liveBefore) throw new Finding('a slot was left behind');
  }

  close(): void {
    this.#binding.close(...this.#listener);
    for (const number of this.#contexts) this.#tls.tlsContextClose(number);
  }

  /** Both ends send now and then, once they can. */
  #talk(ends: Readonly<Record<Direction, NativeEnd>>, turn: number): void {
    const random = this.#random;
    for (const end of Object.values(ends)) {
      if (random(3) === 0) end.send(Buffer.alloc(pick(random, [1, 10, 1000, 16_384, 20_000]), turn + 1));
      if (turn > 10 && random(8) === 0) end.shutDown();
    }
  }

  #learn(ends: Readonly<Record<Direction, NativeEnd>>): void {
    this.tally.connections += 1;
    if (ends.client.isComplete && ends.server.isComplete) this.tally.completed += 1;
    const { reasons } = this.tally;
    for (const { reason } of Object.values(ends))
      if (reason !== undefined) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    const session = ends.client.takeSession();
    if (session !== undefined) this.#sessions.push(session);
    if (this.#sessions.length > 8) this.#sessions.shift();
  }

  /** Passes on what has arrived, with changes. @returns whether anything had. */
  #move(from: Pair, to: Pair, relay: (bytes: Buffer) => Buffer): boolean {
    const count = this.#binding.recv(...from, BUFFER, 0, BUFFER.length);
    if (count === 0) this.#binding.shutdown(...to, 1);
    if (count <= 0) return false;
    const passed = relay(BUFFER.subarray(0, count));
    for (let sent = 0; sent < passed.length; ) {
      const result = this.#binding.sendBytes(...to, passed, sent, passed.length - sent);
      if (result <= 0) break;
      sent += result;
    }
    return true;
  }

  #relay(
    side: Direction,
    version: TlsVersion,
    isKeyed: boolean,
    keys: ConnectionKeys,
    isDue: () => boolean,
  ): (bytes: Buffer) => Buffer {
    const random = this.#random;
    const splitter = new RecordSplitter();
    const direction = new KeyedDirection(version, side, keys);
    const sources = { other: () => (this.#kept.length === 0 ? Buffer.alloc(0) : pick(random, this.#kept)) };
    const share = pick(random, [2, 4, 8, 16, 40]);
    return (bytes) =>
      Buffer.concat(
        splitter.push(bytes).map((record) => {
          this.#keep(record.bytes);
          const isMutated = isDue() && random(share) === 0;
          if (isMutated) this.tally.mutated += 1;
          if (!isKeyed) return isMutated ? mutateRecord(record, random, sources) : record.bytes;
          return direction.pass(record, (opened) => (isMutated ? mutateMessage(opened, random) : [opened]));
        }),
      );
  }

  #keep(bytes: Buffer): void {
    if (this.#random(10) !== 0) return;
    if (this.#kept.length < MOST_KEPT) this.#kept.push(Buffer.from(bytes));
    else this.#kept[this.#random(MOST_KEPT)] = Buffer.from(bytes);
  }

  #attach(client: Pair, server: Pair, version: TlsVersion): Record<Direction, NativeEnd> {
    const random = this.#random;
    const tls = this.#tls;
    tls.tlsAttach(...server, pick(random, this.#servers), undefined);
    tls.tlsAttach(...client, pick(random, this.#clients.get(version) as number[]), undefined);
    tls.tlsExpect(
      ...client,
      pick(random, ['', 'localhost', 'LOCALHOST']),
      pick(random, ['', 'localhost']),
      false,
    );
    if (this.#sessions.length > 0 && random(2) === 0) {
      const session = Buffer.from(pick(random, this.#sessions));
      if (random(4) === 0) session[random(session.length)] = random(256);
      tls.tlsResume(...client, session);
    }
    const end = (pair: Pair) => new NativeEnd(this.#binding, tls, pair, constants.errno.EPROTO);
    return { client: end(client), server: end(server) };
  }

  #chooseContext(): number {
    return pick(this.#random, [0, 0, 0, 0, 0, -1, ...this.#servers]);
  }

  #openServers({ authority, server }: MutationCredentials): number[] {
    const tls = this.#tls;
    const open = (): number => {
      const number = this.#opened(true);
      tls.tlsContextCertificate(number, ...server);
      tls.tlsContextTicketKeys(number, Buffer.alloc(48, 5));
      return number;
    };
    const [plain, byName, verifying, requiring] = [open(), open(), open(), open()];
    tls.tlsContextByName(byName);
    for (const number of [verifying, requiring]) tls.tlsContextTrust(number, authority, true);
    tls.tlsContextVerify(verifying, 1);
    tls.tlsContextVerify(requiring, 2);
    for (const number of [verifying, requiring]) tls.tlsContextSessionId(number, Buffer.from('mutations'));
    for (const number of [plain, verifying]) tls.tlsContextAlpn(number, Buffer.from('\x02h2\x08http/1.1'));
    return [plain, byName, verifying, requiring];
  }

  #openClients(version: TlsVersion, { authority, client }: MutationCredentials): number[] {
    const tls = this.#tls;
    const number = version === 'TLSv1.2' ? 0x0303 : 0x0304;
    return [0, 1, 2].map((kind) => {
      const context = this.#opened(false);
      tls.tlsContextVersions(context, number, number);
      tls.tlsContextSessions(context);
      tls.tlsContextTrust(context, authority, false);
      tls.tlsContextVerify(context, kind);
      if (kind > 0) tls.tlsContextCertificate(context, ...client);
      if (kind === 1) tls.tlsContextAlpn(context, Buffer.from('\x08http/1.1'));
      return context;
    });
  }

  #opened(isServer: boolean): number {
    const number = this.#tls.tlsContextOpen(isServer);
    this.#contexts.push(number);
    this.#tls.tlsContextCiphers(number, ...(CIPHERS.split(':') as [string, string]));
    this.#tls.tlsContextKeyLog(number);
    return number;
  }

  /** Both ends of a connection. */
  #connect(): [Pair, Pair] {
    const { AF_UNIX, SOCK_STREAM } = this.#binding.constants;
    const connecting = this.#live(this.#binding.socket(AF_UNIX, SOCK_STREAM));
    this.#binding.connectUnix(...connecting, this.#path);
    return [connecting, this.#live(this.#binding.accept(...this.#listener))];
  }

  #live(slot: number): Pair {
    if (slot < 0) throw new Error(`the system refused a socket: ${slot}`);
    return [slot, this.#binding.generation(slot)];
  }
}

/** What an end has received begins what the other has sent: nothing was changed, added or left out in between. */
function checkDelivery({ client, server }: Readonly<Record<Direction, NativeEnd>>): void {
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    const received = Buffer.concat(to.received);
    const sent = Buffer.concat(from.sent);
    if (!sent.subarray(0, received.length).equals(received))
      throw new Finding(`${received.length} bytes were received that were not sent so`);
  }
}

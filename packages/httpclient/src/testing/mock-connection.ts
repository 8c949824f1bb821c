import { Buffer } from 'node:buffer';
import {
  DATA,
  type DecodedRequestHead,
  END,
  encodeInterim,
  HEAD,
  NEED_DATA,
  RequestDecoder,
  ResponseEncoder,
} from '@landspout/http1/protocol';
import type { Clock } from '@landspout/ioloop';
import { IOStream } from '@landspout/iostream';
import { MockTransportError } from './errors.ts';
import { type CutPlan, MockFailure } from './mock-failure.ts';
import { MockRequest } from './mock-request.ts';
import type { PreparedResponse } from './mock-response.ts';
import { ResponseSender } from './response-sender.ts';

/** What decides about the requests of a connection. */
export interface ConnectionMaster {
  readonly clock: Clock;
  readonly maxBodyBytes: number;
  /**
   * Called with each complete request. If it rejects, the connection is closed with that error.
   *
   * @param signal - aborts when the client has closed the connection.
   */
  replyTo(request: MockRequest, signal: AbortSignal): Promise<PreparedResponse | MockFailure>;
  /** Called once, when the connection is closed. */
  connectionClosed(connection: MockConnection): void;
}

const READ_BYTES = 64 * 1024;
/** The pipe between the two ends delivers what is in it within a few loop iterations, unless the client is paused. */
const MAX_DELIVERY_TURNS = 16;
/** Starts a response. A client that has received a part of it does not send the request again. */
const START_OF_RESPONSE = 'HTTP/1.1 501 ';

/** The server's side of one connection in memory: receives one request after another, and sends its response. */
export class MockConnection {
  /** The stream for the client. */
  readonly client: IOStream;
  readonly #server: IOStream;
  readonly #origin: string;
  readonly #number: number;
  readonly #master: ConnectionMaster;
  readonly #decoder: RequestDecoder;
  readonly #encoder = new ResponseEncoder();
  readonly #gone = new AbortController();

  /** @param origin - such as `https://example.com:8443`. @param number - from 1. */
  constructor(origin: string, number: number, master: ConnectionMaster) {
    [this.client, this.#server] = IOStream.pair({ clock: master.clock });
    this.#origin = origin;
    this.#number = number;
    this.#master = master;
    this.#decoder = new RequestDecoder({ maxBodyBytes: master.maxBodyBytes });
    void this.client.waitClosed().then(() => this.#ended());
  }

  /** Serves requests until the connection is closed. Never rejects. */
  async serve(): Promise<void> {
    try {
      while (await this.#serveOne());
    } catch (error) {
      if (this.client.isClosed || this.#server.isClosed) return;
      await this.#failWith(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Closes the connection, in order. */
  close(): void {
    this.#server.close();
  }

  #ended(): void {
    this.#gone.abort();
    this.#server.close();
    this.#master.connectionClosed(this);
  }

  /** @returns whether another request may follow. */
  async #serveOne(): Promise<boolean> {
    const head = await this.#receiveHead();
    if (head === undefined) {
      this.#server.close();
      return false;
    }
    if (head.expectContinue) this.#server.send(encodeInterim(100));
    const body = await this.#receiveBody();
    const { target } = head;
    const url = /^https?:/i.test(target) ? target : `${this.#origin}${target}`;
    const request = new MockRequest(head.method, url, head.headers, body, this.#number);
    const { signal } = this.#gone;
    const reply = await this.#master.replyTo(request, signal);
    if (signal.aborted) return false;
    if (reply instanceof MockFailure) return this.#fail(reply, head);
    await this.#sender(head).send(reply);
    if (this.#server.isClosed) return false;
    if (this.#encoder.keepAlive) return true;
    this.#server.endWrite();
    return false;
  }

  // ---- the request ----

  async #receiveHead(): Promise<DecodedRequestHead | undefined> {
    for (;;) {
      const event = this.#decoder.next();
      if (event === HEAD) return this.#decoder.head;
      if (event === NEED_DATA && !(await this.#receive())) return undefined;
    }
  }

  /** @throws MockTransportError `ERR_MOCK_LIMIT` if the body is too long. */
  async #receiveBody(): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for (;;) {
      const event = this.#nextOfBody();
      if (event === END) break;
      const { data, dataStart, dataEnd } = this.#decoder;
      if (event === DATA) pieces.push(Buffer.from(data.subarray(dataStart, dataEnd)));
      else if (!(await this.#receive())) throw new Error('the client closed the connection');
    }
    this.#decoder.hold();
    return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
  }

  #nextOfBody(): ReturnType<RequestDecoder['next']> {
    try {
      return this.#decoder.next();
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ERR_HTTP1_BODY_TOO_LARGE') throw error;
      const problem = `the body of a request has more than ${this.#master.maxBodyBytes} bytes (maxBodyBytes)`;
      throw new MockTransportError('ERR_MOCK_LIMIT', problem, { cause: error });
    }
  }

  /** @returns false if the client has closed the connection. */
  async #receive(): Promise<boolean> {
    let bytes: Buffer;
    try {
      bytes = await this.#server.readBytes(READ_BYTES, { partial: true });
    } catch {
      return false;
    }
    this.#decoder.receive(bytes, 0, bytes.length);
    return true;
  }

  // ---- the end ----

  #sender({ method, version, keepAlive }: DecodedRequestHead): ResponseSender {
    this.#encoder.begin(method, version, keepAlive);
    const { clock } = this.#master;
    return new ResponseSender(this.#server, this.#encoder, method === 'HEAD', clock, this.#gone.signal);
  }

  /** @returns whether another request may follow. */
  async #fail({ plan }: MockFailure, head: DecodedRequestHead): Promise<boolean> {
    if (plan.kind === 'malformed') {
      await this.#server.write(plan.bytes);
      if (plan.keepOpen) return true;
      this.#server.endWrite();
    } else if (plan.kind === 'reset' || plan.kind === 'hang') {
      await this.#cut(plan, head);
    }
    return false;
  }

  async #cut({ kind, part }: CutPlan, head: DecodedRequestHead): Promise<void> {
    if (part !== undefined) await this.#sender(head).sendPart(part.response, part.bodyBytes);
    if (kind === 'hang' || this.#server.isClosed) return;
    await this.#delivered();
    this.#server.reset();
  }

  /** Closes the client's end with an error, which becomes the cause of the error of the fetch. */
  async #failWith(error: Error): Promise<void> {
    if (this.#encoder.state !== 'body') this.#server.send(START_OF_RESPONSE);
    await this.#delivered();
    this.client.close(error);
  }

  /** Waits until the client has received everything that was sent. */
  async #delivered(): Promise<void> {
    this.#server.flush();
    for (let turn = 0; turn < MAX_DELIVERY_TURNS; turn += 1) {
      if (this.client.isClosed) return;
      if (this.#server.queuedBytes === 0 && this.client.bytesReceived >= this.#server.bytesSent) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

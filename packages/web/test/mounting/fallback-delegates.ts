import type {
  HTTPHeaders,
  HTTPMessageDelegate,
  HTTPServerConnectionDelegate,
  HTTPServerExchange,
  RequestHead,
  RequestRefusal,
} from '@landspout/http1';
import { HTTPHeaders as Headers } from '@landspout/http1';

/** One request of a {@link RecordingDelegate}, with what was called for it. */
export class RecordedRequest implements HTTPMessageDelegate {
  readonly exchange: HTTPServerExchange;
  readonly chunks: string[] = [];
  readonly events: string[] = [];
  readonly closes: Error[] = [];
  head!: RequestHead;
  trailers: HTTPHeaders | undefined;
  collectsBody = false;
  readonly #script: DelegateScript;
  #wake: () => void = () => {};

  constructor(exchange: HTTPServerExchange, script: DelegateScript) {
    this.exchange = exchange;
    this.#script = script;
  }

  get body(): string {
    return this.chunks.join('');
  }

  headersReceived(head: RequestHead): void | PromiseLike<void> {
    this.head = head;
    this.#add('headers');
    return this.#script.headersReceived?.(this);
  }

  dataReceived(chunk: Uint8Array): void | PromiseLike<void> {
    const text = Buffer.from(chunk).toString();
    this.chunks.push(text);
    this.#add(`data ${text.length > 20 ? text.length : text}`);
    return this.#script.dataReceived?.(this, text);
  }

  finish(trailers?: HTTPHeaders): void | PromiseLike<void> {
    this.trailers = trailers;
    this.#add('finish');
    return this.#script.finish?.(this);
  }

  refused(refusal: RequestRefusal): void {
    this.#add(`refused ${refusal.status}`);
    this.#script.refused?.(this, refusal);
  }

  connectionClosed(reason: Error): void {
    this.closes.push(reason);
    this.#add(`closed ${(reason as { code?: string }).code}`);
    this.#script.connectionClosed?.(this, reason);
  }

  /** Waits until an event that starts with `text` has happened. */
  async until(text: string): Promise<void> {
    while (!this.events.some((event) => event.startsWith(text))) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Responds with text, in one piece. */
  respond(text: string, fields: Readonly<Record<string, string>> = {}, status = 200, reason = ''): void {
    this.exchange.writeHead(status, reason, Headers.from(fields), text, true);
  }

  #add(event: string): void {
    this.events.push(event);
    this.#wake();
  }
}

/** What a {@link RecordingDelegate} does. */
export interface DelegateScript {
  headersReceived?(request: RecordedRequest): void | PromiseLike<void>;
  dataReceived?(request: RecordedRequest, text: string): void | PromiseLike<void>;
  finish?(request: RecordedRequest): void | PromiseLike<void>;
  refused?(request: RecordedRequest, refusal: RequestRefusal): void;
  connectionClosed?(request: RecordedRequest, reason: Error): void;
}

/** A delegate that records what it is called with, and does what a script says. */
export class RecordingDelegate implements HTTPServerConnectionDelegate {
  readonly requests: RecordedRequest[] = [];
  readonly notices: string[] = [];
  readonly #script: DelegateScript;
  #started: (request: RecordedRequest) => void = () => {};

  constructor(script: DelegateScript = {}) {
    this.#script = script;
  }

  get last(): RecordedRequest {
    return this.requests.at(-1) as RecordedRequest;
  }

  startRequest(exchange: HTTPServerExchange): HTTPMessageDelegate {
    const request = new RecordedRequest(exchange, this.#script);
    this.requests.push(request);
    this.#started(request);
    return request;
  }

  onClose(): void {
    this.notices.push('close');
  }

  serverStopped(): void {
    this.notices.push('stopped');
  }

  /** Resolves when the next request has started. */
  next(): Promise<RecordedRequest> {
    return new Promise((resolve) => {
      this.#started = resolve;
    });
  }
}

/** A delegate that responds to each complete request. */
export function responding(
  respond: (request: RecordedRequest) => void | PromiseLike<void>,
): RecordingDelegate {
  return new RecordingDelegate({ finish: respond });
}

import { type FetchBody, NativeRequest } from './native-objects.ts';

/** Methods that `new Request` refuses. */
const REFUSED_METHODS: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK']);

interface ServerAdditions {
  readonly ip: string | undefined;
  readonly runtime: object;
  waitUntil(promise: PromiseLike<unknown>): void;
}

/** A native Request that stands for one of ours. */
export class RealRequest extends NativeRequest {
  readonly #origin: Request & ServerAdditions;

  /**
   * @param origin - one of our requests.
   * @param headers - its fields, as pairs.
   * @param body - its body, which the new object reads from now on.
   */
  constructor(origin: Request, headers: [string, string][], body: FetchBody) {
    const { url, method, signal } = origin;
    const init = {
      method: REFUSED_METHODS.has(method) ? 'GET' : method,
      headers,
      signal,
      ...(body !== null && !REFUSED_METHODS.has(method) && { body, duplex: 'half' }),
    };
    super(url, init as RequestInit);
    this.#origin = origin as Request & ServerAdditions;
    // Methods are case-sensitive (RFC 9110 §9.1), but `new Request` turns `get` into GET.
    if (this.method !== method) Object.defineProperty(this, 'method', { value: method, configurable: true });
  }

  /** Returns the request that a native one stands for. */
  static originOf(value: object): object | undefined {
    return #origin in value ? value.#origin : undefined;
  }

  get ip(): string | undefined {
    return this.#origin.ip;
  }

  get runtime(): object {
    return this.#origin.runtime;
  }

  waitUntil(promise: PromiseLike<unknown>): void {
    this.#origin.waitUntil(promise);
  }
}

// The class is that of Node for code that looks at `constructor`.
Reflect.deleteProperty(RealRequest.prototype, 'constructor');

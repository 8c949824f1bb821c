import { type FetchBody, NativeRequest } from './native-objects.ts';

/** Methods that `new Request` refuses. */
const REFUSED_METHODS: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK']);

/** The requests of ours that other native requests are copies of. */
const origins = new WeakMap<object, object>();

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

  /** Returns the request of ours that a native one stands for or is a copy of, as far as that is known. */
  static originOf(value: object): object | undefined {
    return #origin in value ? value.#origin : origins.get(value);
  }

  static rememberCopy(copy: object, origin: object): void {
    origins.set(copy, origin);
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

// Not as a method: for the compiler, `clone` of Request is a property.
Object.defineProperty(RealRequest.prototype, 'clone', {
  value: function clone(this: Request): Request {
    const copy = NativeRequest.prototype.clone.call(this);
    const origin = RealRequest.originOf(this);
    if (origin !== undefined) RealRequest.rememberCopy(copy, origin);
    return copy;
  },
  writable: true,
  configurable: true,
  enumerable: true,
});

// The class is that of Node for code that looks at `constructor`.
Reflect.deleteProperty(RealRequest.prototype, 'constructor');

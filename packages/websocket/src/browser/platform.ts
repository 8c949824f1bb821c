// What the client uses of its platform, typed here: a browser project has no types of Node, a Node project none of the
// DOM, and the declarations of this room must compile in both.

/** The part of a WebSocket that the client uses. */
export interface TopicsSocket {
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

/** A class such as `globalThis.WebSocket`, or that of `@landspout/websocket/web-socket`. */
export type TopicsSocketClass = new (url: string, protocol: string) => TopicsSocket;

/** The `AbortSignal` of the platform's types or, if the project has none, what the client uses of it. */
export type TopicsSignal = typeof globalThis extends { AbortSignal: { prototype: infer Signal } }
  ? Signal
  : SignalLike;

/** The type of the platform's `fetch` or, if the project has none, what the client uses of it. */
export type TopicsFetch = typeof globalThis extends { fetch: infer Fetch } ? Fetch : FetchLike;

/** @internal */
export interface SignalLike {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** @internal */
export interface FetchRequest {
  readonly method?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: SignalLike;
}

/** @internal */
export interface FetchResponse {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: { getReader(): { read(): Promise<{ done: boolean; value?: unknown }> } } | null;
  json(): Promise<unknown>;
}

/** @internal */
export type FetchLike = (url: string, request: FetchRequest) => Promise<FetchResponse>;

interface Platform {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
  setTimeout(callback: () => void, delayMs: number): unknown;
  clearTimeout(timer: unknown): void;
  readonly WebSocket: TopicsSocketClass;
  readonly fetch: FetchLike;
  readonly location?: { readonly href: string };
  readonly document?: { readonly cookie: string; readonly hidden: boolean };
  readonly AbortController: new () => { readonly signal: SignalLike; abort(): void };
  readonly TextDecoder: new () => { decode(bytes: unknown, options: { readonly stream: true }): string };
  readonly Blob: new (parts: readonly string[]) => { readonly size: number };
  readonly URL: new (
    url: string,
    base?: string,
  ) => { readonly href: string; readonly searchParams: { set(name: string, value: string): void } };
  readonly performance: { now(): number };
  atob(text: string): string;
}

export const platform = globalThis as unknown as Platform;

/** Calls back into the program. What the callback throws is an unhandled rejection of the program, not of the client. */
export function callBack<Arguments extends readonly unknown[]>(
  callback: ((...values: Arguments) => unknown) | undefined,
  ...values: Arguments
): void {
  void new Promise(() => callback?.(...values));
}

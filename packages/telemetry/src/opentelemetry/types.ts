// The types of OpenTelemetry that options have are our own, so that the declarations of this package can be read
// without the optional peer. The objects of its API and its SDKs fit.

/** A `TracerProvider` of `@opentelemetry/api`, such as a `NodeTracerProvider`. */
export interface TracerProviderLike {
  getTracer(name: string, version?: string): object;
}

/** A `Context` of `@opentelemetry/api`. */
export interface ContextLike {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): ContextLike;
  deleteValue(key: symbol): ContextLike;
}

/** A `TextMapSetter` of `@opentelemetry/api`. */
export interface TextMapSetterLike {
  set(carrier: unknown, name: string, value: string): void;
}

/** A `TextMapGetter` of `@opentelemetry/api`. */
export interface TextMapGetterLike {
  keys(carrier: unknown): string[];
  get(carrier: unknown, name: string): undefined | string | string[];
}

/** A `TextMapPropagator` of `@opentelemetry/api`, such as a `W3CTraceContextPropagator`. */
export interface TextMapPropagatorLike {
  inject(context: ContextLike, carrier: unknown, setter: TextMapSetterLike): void;
  extract(context: ContextLike, carrier: unknown, getter: TextMapGetterLike): ContextLike;
  fields(): string[];
}

export type SpanAttributeValue =
  | string
  | number
  | boolean
  | readonly string[]
  | readonly number[]
  | readonly boolean[];

/** Attributes of a span. Those that are undefined are left out. */
export type SpanAttributes = Readonly<Record<string, SpanAttributeValue | undefined>>;

/** A fetch: the record in the messages of the channels `landspout.http.client.request.*`. */
export interface TracedFetch {
  /** The URL of the current hop, without user information and fragment. */
  readonly url: string;
  readonly method: string;
  readonly attempt: number;
  /** The number of redirects that were followed. */
  readonly redirects: number;
}

/** A message that a WebSocket has received: the record in the messages of `landspout.websocket.message.*`. */
export interface TracedMessage {
  readonly side: 'server' | 'client';
  readonly isText: boolean;
  readonly bytes: number;
}

/** An attempt of a run: the record in the messages of `landspout.topics.run.*`. */
export interface TracedRun {
  readonly id: string;
  /** 1 for the first. */
  readonly attempt: number;
}

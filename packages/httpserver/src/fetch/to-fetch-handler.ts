import type { HTTPServerConnectionDelegate } from '@landspout/http1';

export interface ToFetchHandlerOptions {
  readonly maxBodyBytes?: number;
}

export function toFetchHandler(
  _delegate: HTTPServerConnectionDelegate,
  _options: ToFetchHandlerOptions = {},
): (request: Request) => Promise<Response> {
  throw new Error('not implemented');
}

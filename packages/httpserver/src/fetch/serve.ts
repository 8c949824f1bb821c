import type { FetchHandler } from './fetch-container.ts';

export interface ServeOptions {
  readonly fetch: FetchHandler;
}

export class FetchServer {}

export function serve(_options: ServeOptions): FetchServer {
  throw new Error('not implemented');
}

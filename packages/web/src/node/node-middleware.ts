import type { NodeHandler } from '@landspout/httpserver/node';
import type { Middleware } from '../handler/lifecycle.ts';

export function nodeMiddleware(_middleware: NodeHandler): Middleware {
  throw new Error('not implemented');
}

/** An Express or Connect application: a function that has these methods. */
export function isNodeApplication(value: unknown): boolean {
  if (typeof value !== 'function') return false;
  const { handle, use } = value as { readonly handle?: unknown; readonly use?: unknown };
  return typeof handle === 'function' && typeof use === 'function';
}

/** Whether a function must be a handler of node:http: it has more parameters than a callback of HTTPServer. */
function isNodeHandler(value: unknown): boolean {
  return isNodeApplication(value) || (typeof value === 'function' && value.length >= 2);
}

/**
 * For a handler of node:http or an application that was passed in place of a delegate: the expression that makes a
 * delegate of it. Undefined for other values.
 */
export function containerRemedy(value: unknown): string | undefined {
  if (isNodeHandler(value)) return 'new NodeContainer(app) of @landspout/httpserver/node';
  if (typeof value !== 'object' || value === null) return undefined;
  const { fetch } = value as { readonly fetch?: unknown };
  if (typeof fetch === 'function') return 'new FetchContainer(app.fetch) of @landspout/httpserver/fetch';
  return undefined;
}

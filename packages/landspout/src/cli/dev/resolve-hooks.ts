// The hooks of Node 20 for modules that are imported, which run on a thread of their own. See module-reports.ts.

import type { MessagePort } from 'node:worker_threads';
import type { Resolution } from './module-reports.ts';

let port: MessagePort | undefined;

/** Called by Node with the `data` of `module.register`. */
export function initialize(data: { readonly port: MessagePort }): void {
  port = data.port;
}

/** Called by Node for each import. */
export async function resolve(
  specifier: string,
  context: { readonly parentURL?: string },
  next: (specifier: string, context: object) => Promise<{ readonly url: string }>,
): Promise<{ readonly url: string }> {
  try {
    const result = await next(specifier, context);
    report({ resolved: result.url });
    return result;
  } catch (error) {
    report({ specifier, parent: context.parentURL });
    throw error;
  }
}

function report(resolution: Resolution): void {
  port?.postMessage(resolution);
}

import { createRequire } from 'node:module';
import { TracingUsageError } from './errors.ts';

/** Only types are imported from the optional peer, and none of them is in the declarations of this subpath. */
type OpenTelemetry = typeof import('@opentelemetry/api');

const PEER = '@opentelemetry/api';

/** The API of OpenTelemetry. Whichever copy of it is loaded, it uses the providers that the program has registered. */
export const openTelemetry: OpenTelemetry = loadPeer();

/** Loads the optional peer with `require`, so that CommonJS programs can load this subpath with `require` too. */
function loadPeer(): OpenTelemetry {
  try {
    return createRequire(import.meta.url)(PEER);
  } catch (cause) {
    throw missingPeer(cause);
  }
}

/** @param cause - what loading the peer threw. */
export function missingPeer(cause: unknown): TracingUsageError {
  const reason = isNotFound(cause) ? 'which is not installed' : 'which could not be loaded';
  const problem = `@landspout/telemetry/opentelemetry requires the package ${PEER}, ${reason}: npm i ${PEER}`;
  return new TracingUsageError('ERR_TRACING_MISSING_PEER', problem, { cause });
}

/** Whether the package itself was not found, rather than something that it requires. */
function isNotFound(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  const { code } = cause as { readonly code?: unknown };
  return code === 'MODULE_NOT_FOUND' && cause.message.includes(`'${PEER}'`);
}

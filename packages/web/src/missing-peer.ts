import { WebUsageError } from './errors.ts';

/** The optional peers, and the subpaths that need them. */
const SUBPATHS = {
  entities: 'entities',
  eta: 'eta',
  'linkify-it': 'linkify',
  'openid-client': 'oidc',
} as const;

/**
 * Makes the error for an optional peer dependency that could not be imported. It names the package, and the command that
 * installs it; `cause` is what the import threw. Throw it from the module of the subpath, so that the import of the
 * subpath rejects with it:
 *
 *     const { Eta } = await import('eta').catch((cause: unknown) => {
 *       throw missingPeer('eta', cause);
 *     });
 */
export function missingPeer(packageName: keyof typeof SUBPATHS, cause: unknown): WebUsageError {
  const reason = isNotFound(packageName, cause) ? 'which is not installed' : 'which could not be loaded';
  const problem = `@landspout/web/${SUBPATHS[packageName]} requires the package ${packageName}, ${reason}: npm i ${packageName}`;
  return new WebUsageError('ERR_WEB_MISSING_PEER', problem, { cause });
}

/** Whether the package itself was not found, rather than something that it imports. */
function isNotFound(packageName: string, cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  const { code } = cause as { readonly code?: unknown };
  const isMissing = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
  return isMissing && cause.message.includes(`'${packageName}'`);
}

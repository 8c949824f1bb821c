import { callingChecks } from './errors.ts';

/** Scheme and authority of a target in absolute form (RFC 9112 §3.2.2). */
const ORIGIN = /^https?:\/\/[^/?]*/i;

/** @throws HTTPUsageError if the path does not start with a slash, or ends with one. */
export function requireMountPath(operation: string, mountPath: unknown): void {
  if (mountPath === undefined) return;
  if (typeof mountPath !== 'string' || !/^\/[^?#]*[^/?#]$/.test(mountPath))
    throw callingChecks.wrong(operation, 'mountPath: a path such as /live', mountPath);
}

/**
 * Removes the start of the path from a request target. The authority of an absolute target is kept.
 *
 * @returns undefined if the target is neither `mountPath` nor below it.
 */
export function targetBelow(target: string, mountPath: string): string | undefined {
  const origin = target.startsWith('/') ? '' : (ORIGIN.exec(target)?.[0] ?? '');
  if (!target.startsWith(mountPath, origin.length)) return undefined;
  const rest = target.slice(origin.length + mountPath.length);
  if (rest.startsWith('/')) return origin + rest;
  return rest === '' || rest.startsWith('?') ? `${origin}/${rest}` : undefined;
}

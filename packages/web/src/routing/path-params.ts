import { percentDecode } from '../request/url-encoding.ts';
import type { ParamValues } from './route-table.ts';

const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze(Object.create(null));

/**
 * Decodes the parameters that have a name. The object has no prototype, because the groups of a regular expression may
 * have any name.
 *
 * @param names - the parameter names of a pattern, in order.
 * @throws HTTPError 400 if a value cannot be decoded.
 */
export function paramsByName(
  names: readonly (string | undefined)[],
  values: ParamValues,
): Readonly<Record<string, string>> {
  if (values.length === 0) return NO_PARAMS;
  const params: Record<string, string> = Object.create(null);
  for (const [at, value] of values.entries()) {
    const name = names[at];
    if (name !== undefined && value !== undefined) params[name] = percentDecode(value);
  }
  return params;
}

/** Decodes all parameters; undefined for a group that matched nothing. @throws HTTPError like {@link paramsByName}. */
export function paramsInOrder(values: ParamValues): readonly (string | undefined)[] {
  return values.map((value) => (value === undefined ? value : percentDecode(value)));
}

import { HTTPError } from '../errors.ts';

/**
 * Maximum number of levels of arrays and objects in JSON from a client, as in PHP. `JSON.stringify`, schemas and most
 * other code that traverses data are recursive: a recursive Zod schema overflows the stack at about 1,300 levels.
 * Without a limit, a client could cause such errors in the server.
 */
export const MAX_JSON_LEVELS = 512;

/** The value of a JSON text, or why it has none. */
export type ParsedJson =
  | { readonly value: unknown; readonly problem?: undefined }
  | { readonly problem: 'syntax' | 'levels'; readonly cause?: unknown };

/**
 * Parses JSON from a client. Takes linear time, and never throws.
 *
 * @returns the value; or the problem `syntax` if the text is not JSON, with the error of the parser as `cause`, which may
 *   quote the text; or the problem `levels` if arrays and objects are nested more than 512 levels deep.
 */
export function parseJson(text: string): ParsedJson {
  if (text.length > 2 * MAX_JSON_LEVELS && levelsOf(text) > MAX_JSON_LEVELS) return { problem: 'levels' };
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (cause) {
    return { problem: 'syntax', cause };
  }
}

/** @throws HTTPError 400 if the body is not JSON in UTF-8, or has more than 512 levels. */
export function jsonOf(body: Uint8Array): unknown {
  const parsed = parseUtf8(body);
  if (parsed.problem === undefined) return parsed.value;
  if (parsed.problem === 'levels') {
    const detail = `The JSON in the body must not have more than ${MAX_JSON_LEVELS} levels.`;
    throw new HTTPError(400, `JSON with more than ${MAX_JSON_LEVELS} levels`, { detail });
  }
  throw new HTTPError(400, 'the body must be JSON in UTF-8', {
    cause: parsed.cause,
    detail: 'The body must be JSON in UTF-8.',
  });
}

function parseUtf8(body: Uint8Array): ParsedJson {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (cause) {
    return { problem: 'syntax', cause };
  }
  return parseJson(text);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Returns how deeply arrays and objects are nested. If the text is not JSON, the result is arbitrary; the JSON parser
 * then refuses the text.
 */
function levelsOf(json: string): number {
  let level = 0;
  let most = 0;
  for (let at = 0; at < json.length; at += 1) {
    switch (json.charCodeAt(at)) {
      case 0x5b: // [
      case 0x7b: // {
        level += 1;
        if (level > most) most = level;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        level -= 1;
        break;
      case QUOTE:
        at = endOfText(json, at);
    }
  }
  return most;
}

/** Returns the index of the quotation mark that ends a string. */
function endOfText(json: string, start: number): number {
  for (let at = start + 1; at < json.length; at += 1) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) return at;
    if (code === BACKSLASH) at += 1;
  }
  return json.length;
}

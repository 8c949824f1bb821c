import { shownText, shownValue } from '@landspout/ioloop/errors';
import { TemplateError } from '../templates/template-error.ts';

/** Longer names are refused; the limit of file systems is 255 bytes per segment. */
const MAX_NAME_CHARS = 500;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are refused
const FORBIDDEN = /[\x00-\x1f\x7f\\]/;

/**
 * Resolves the name of a template to the path of its file below the views folder, with `/` between segments. The
 * extension is added unless the name ends with it.
 *
 * A name that a program passes to `render` is relative to the views folder, and is refused if it contains `..` or
 * starts with `/`, because it may come from a client. A name in a template is relative to the folder of that template
 * (`from`), or to the views folder if it starts with `/`; `..` must not leave the views folder.
 *
 * @throws TemplateError `ERR_WEB_TEMPLATE` if the name is invalid.
 */
export function resolveTemplateName(name: unknown, extension: string, from?: string): string {
  const problem = textProblem(name);
  if (problem !== undefined) throw refusal(name, problem);
  const text = name as string;
  const isRooted = text.startsWith('/');
  if (isRooted && from === undefined) throw refusal(name, 'must be relative to the views folder');
  const segments = from === undefined || isRooted ? [] : from.split('/').slice(0, -1);
  for (const segment of text.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment !== '..') {
      segments.push(segment);
      continue;
    }
    if (from === undefined) throw refusal(name, 'must not contain ".."');
    if (segments.pop() === undefined) throw refusal(name, 'must not leave the views folder');
  }
  const path = segments.join('/');
  return path.endsWith(extension) ? path : path + extension;
}

function textProblem(name: unknown): string | undefined {
  if (typeof name !== 'string') return 'must be a string';
  if (name.length > MAX_NAME_CHARS) return `must not be longer than ${MAX_NAME_CHARS} characters`;
  if (FORBIDDEN.test(name)) return 'must not contain backslashes or control characters';
  if (name === '' || /(?:^|\/)\.{0,2}$/.test(name)) return 'must be the path of a file';
  return undefined;
}

function refusal(name: unknown, problem: string): TemplateError {
  const shown = typeof name === 'string' ? shownText(name) : shownValue(name);
  return new TemplateError(`the name of a template ${problem}, got ${shown}`);
}

import { type CompileOptions, SCOPE_FUNCTIONS } from './eta-options.ts';
import type { EtaParser, ParsedPart } from './load-eta.ts';
import { tagLines } from './tag-lines.ts';
import { type TemplateCode, TemplateWriter } from './template-code.ts';

/** A template as code, before it is compiled or written to a module. */
export interface GeneratedTemplate extends TemplateCode {
  /** Whether the template contains `await`, so that the function must be asynchronous. */
  readonly isAsync: boolean;
  /** Whether the template contains a dynamic import. */
  readonly hasImport: boolean;
  /** The code of the tags, without the text between them. */
  readonly code: string;
}

/** Code that continues the statement before it, so that no statement may be put before it. */
const CONTINUES = /^(?:else|case|default|catch|finally|while)\b/;
/** Code after which a new statement starts. Without a brace, the next statement may be the body of an `if`. */
const COMPLETE = /[{};]$/;

/**
 * Makes the code of a template. Code that throws leaves the line of its tag in the scope.
 *
 * @throws the parser's error if a tag, string or comment is not closed.
 */
export function generateCode(
  parser: EtaParser,
  name: string,
  source: string,
  options: CompileOptions,
): GeneratedTemplate {
  const parts: readonly ParsedPart[] = parser.parse(source);
  const tags = parts.flatMap((part) => (typeof part === 'string' ? [] : [part.val]));
  const code = tags.join('\n');
  const writer = new TemplateWriter();
  // In a block of its own, the template may redeclare what it is given.
  writer.add(`${declarations(code, options)}{`);
  writeParts(writer, parts, tagLines(source, parts, options), {
    isEscaped: !options.plainText.some((ending) => name.endsWith(ending)),
    shorten: whitespaceFilter(source, options.whitespace),
  });
  writer.endLine();
  writer.add('}');
  const isAsync = /\bawait\b/.test(code);
  return { ...writer.end(), isAsync, hasImport: /\bimport\s*\(/.test(code), code };
}

interface PartOptions {
  readonly isEscaped: boolean;
  readonly shorten: (text: string) => string;
}

function writeParts(
  writer: TemplateWriter,
  parts: readonly ParsedPart[],
  lines: readonly number[],
  { isEscaped, shorten }: PartOptions,
): void {
  let tag = 0;
  let isStatementStart = true;
  for (const [index, part] of parts.entries()) {
    if (typeof part === 'string') {
      const text = shorten(unescaped(part));
      if (text === '' || isGapInSwitch(text, parts[index + 1])) continue;
      writer.add(`$eta.out+=${JSON.stringify(text)};`);
      isStatementStart = true;
      continue;
    }
    const line = lines[tag] as number;
    tag += 1;
    if (part.t === 'e') {
      writeStatement(writer, part.val, line, isStatementStart);
      isStatementStart = COMPLETE.test(part.val);
      continue;
    }
    const setter = part.t === 'i' && isEscaped ? 'text' : 'raw';
    // An assignment rather than a call, because the expression may continue in later tags: block('a', () => {
    writer.addTag(line, `$eta.at(${line}).${setter}=${part.val}`);
    if (part.val.includes('//')) writer.endLine();
    writer.add(';');
    isStatementStart = true;
  }
}

function writeStatement(writer: TemplateWriter, code: string, line: number, isStatementStart: boolean): void {
  if (code === '') return;
  const position = isStatementStart && !CONTINUES.test(code) ? `$eta.line=${line};` : '';
  writer.addTag(line, `${position}${code}`);
  if (COMPLETE.test(code) && !code.includes('//')) writer.add(' ');
  else writer.endLine();
}

/** White space before a `case` would be a statement outside the cases. */
function isGapInSwitch(text: string, next: ParsedPart | undefined): boolean {
  if (next === undefined || typeof next === 'string' || next.t !== 'e') return false;
  return /^(?:case\b|default\s*:)/.test(next.val) && text.trim() === '';
}

/** Declares only what the template mentions, so that the others cost nothing. Templates may redeclare the names. */
function declarations(code: string, { varName, functions }: CompileOptions): string {
  const own = functions.map((name) => [name, `$eta.functions.${name}`] as const);
  const mentioned = [...Object.entries(SCOPE_FUNCTIONS), ...own].filter(([name]) =>
    new RegExp(`(?<![\\w$.])${name.replaceAll('$', '\\$')}(?![\\w$])`).test(code),
  );
  if (mentioned.length === 0) return '';
  return `const ${mentioned.map(([name, value]) => `${name}=${value.replace('%', varName)}`).join(',')};`;
}

function whitespaceFilter(source: string, mode: CompileOptions['whitespace']): (text: string) => string {
  // In these elements, white space is visible.
  if (mode === 'all' || /<(?:pre|textarea)\b/i.test(source)) return (text) => text;
  if (mode === 'oneline') return (text) => text.replace(/\s+/g, ' ');
  return (text) => text.replace(/\s+/g, (space) => (space.includes('\n') ? '\n' : ' '));
}

/** Undoes the parser's escaping of text. */
function unescaped(text: string): string {
  return text.includes('\\')
    ? text.replace(/\\([\s\S])/g, (_, char: string) => (char === 'n' ? '\n' : char))
    : text;
}

import vm from 'node:vm';
import { TemplateError } from '../templates/template-error.ts';
import type { CompileOptions } from './eta-options.ts';
import { type GeneratedTemplate, generateCode } from './generate-code.ts';
import type { EtaParser } from './load-eta.ts';
import { moduleProblem } from './module-syntax.ts';
import type { TemplateSource } from './template-folder.ts';
import type { CompiledTemplate, TemplateFunction } from './template-scope.ts';

/** A template as code that was checked to compile, and as a function. */
export interface CheckedTemplate extends GeneratedTemplate {
  readonly compiled: CompiledTemplate;
}

/**
 * Compiles a template with `node:vm`, which names its file and lines in stack traces.
 *
 * @throws TemplateError `ERR_WEB_TEMPLATE` if a tag is not closed, or the code is invalid in a module of JavaScript.
 */
export function compileTemplate(
  parser: EtaParser,
  { name, file, text }: Pick<TemplateSource, 'name' | 'file' | 'text'>,
  options: CompileOptions,
): CheckedTemplate {
  const generated = generateFrom(parser, name, file, text, options);
  const { isAsync, lines, code, body } = generated;
  const lineOf = (line: number): number | undefined => lines[Math.min(line, lines.length) - 1];
  const lineIn = (error: Error): number | undefined => lineInStack(error, file, lineOf);
  const compile = (text: string) => functionOf({ ...generated, body: text }, file, options.varName);
  let run: TemplateFunction;
  try {
    run = compile(body);
  } catch (error) {
    const line = syntaxErrorLine(error, file, lineOf);
    const { message } = error as Error;
    const isAtEnd = line === lines.at(-1);
    const remedy = isAtEnd && /end of input|Unexpected token '[})]'/.test(message) ? UNCLOSED : '';
    throw new TemplateError(`${message}${remedy}`, { place: { template: name, file, line }, cause: error });
  }
  const found = moduleProblem(code, body, compile);
  if (found !== undefined) {
    const line = syntaxErrorLine(found.error, file, lineOf);
    throw new TemplateError(found.problem, { place: { template: name, file, line } });
  }
  return { ...generated, compiled: { name, file, isAsync, run, lineIn } };
}

const UNCLOSED = '; is each block that starts with { closed by a tag <% } %>?';

function generateFrom(
  parser: EtaParser,
  name: string,
  file: string,
  text: string,
  options: CompileOptions,
): GeneratedTemplate {
  try {
    return generateCode(parser, name, text, options);
  } catch (error) {
    // "unclosed tag at line 3 col 5:" and the source, which must not get into the message.
    const [, problem = 'the template cannot be parsed', line] =
      /^(.*?) at line (\d+) col \d+:/.exec((error as Error).message) ?? [];
    const place = { template: name, file, line: line === undefined ? undefined : Number(line) };
    throw new TemplateError(problem, { place, cause: error });
  }
}

function functionOf(
  { body, isAsync, hasImport }: GeneratedTemplate,
  filename: string,
  varName: string,
): TemplateFunction {
  // A method as in a generated module, so that declarations of the template mean the same in both.
  const parameters = `(${varName},$eta)`;
  const statements = isAsync ? `return{async render${parameters}{${body}}}.render${parameters}` : body;
  return vm.compileFunction(`'use strict';${statements}`, [varName, '$eta'], {
    filename,
    // The constant is experimental, and Node warns if it is used.
    ...(hasImport ? { importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER } : {}),
  }) as TemplateFunction;
}

/** V8 puts the file and the line before the message: `/views/page.eta:3`. */
function syntaxErrorLine(
  error: unknown,
  file: string,
  lineOf: (line: number) => number | undefined,
): number | undefined {
  const { stack = '' } = error as Error;
  const [, line] = stack.startsWith(`${file}:`) ? (/^:(\d+)/.exec(stack.slice(file.length)) ?? []) : [];
  return line === undefined ? undefined : lineOf(Number(line));
}

/** Finds the innermost call in the file. An error without a stack, or from elsewhere, has none. */
function lineInStack(
  error: Error,
  file: string,
  lineOf: (line: number) => number | undefined,
): number | undefined {
  let stack: unknown;
  try {
    stack = error.stack;
  } catch {
    // A getter that throws.
  }
  if (typeof stack !== 'string') return undefined;
  // The message comes first, and may quote other places.
  const at = stack.indexOf(`${file}:`, stack.indexOf('\n    at '));
  const [, line] = at < 0 ? [] : (/^:(\d+)/.exec(stack.slice(at + file.length)) ?? []);
  return line === undefined ? undefined : lineOf(Number(line));
}

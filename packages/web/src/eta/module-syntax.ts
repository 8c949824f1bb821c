// What scripts allow and modules do not. Templates from files are compiled as scripts, and generated ones are in a module.

/** Something that only scripts allow. */
interface ScriptSyntax {
  /** Finds all that could be it, also inside strings. */
  readonly pattern: RegExp;
  /** Text that is valid in a string, a regular expression and a comment, but not in place of this syntax. */
  readonly replacement: string;
  readonly problem: string;
}

const HTML_COMMENT =
  'comments of HTML (<!-- or -->) are not allowed in the code of a template: write // or /* */, or the comment outside ' +
  'of the tag';

const SCRIPT_SYNTAX: readonly ScriptSyntax[] = [
  // ECMA-262 §B.1.1. In code, `<!--` is always a comment; `(?<!--` is part of a regular expression. A `#` does not change
  // the order of a range such as `[!--]`.
  { pattern: /(?<!\(\?)<!--/g, replacement: '<#--', problem: HTML_COMMENT },
  // A comment only at the start of a line, where `--` cannot be a postfix operator. Elsewhere, `n --> 0` is two operators.
  { pattern: /-->/g, replacement: '--\u00a0>', problem: HTML_COMMENT },
  // In a function that is not asynchronous, scripts allow it as a name. A doubled name is invalid, a doubled operator not.
  {
    pattern: /(?<![\w$#.]|\.\s+|\bfor\s+)await(?![\w$]|\s*:|\s+using\b)/g,
    replacement: 'await await',
    problem: 'await must not be a name, or an operator in a function that is not async',
  },
];

/** Why a template cannot be part of a module. */
export interface ModuleProblem {
  readonly problem: string;
  /** What the compiler threw, which has the line. Its text is not that of the template. */
  readonly error: unknown;
}

/**
 * Finds code that a script may contain and a module may not. There is no parser for modules that can be called
 * synchronously, so that the code is compiled again with other text in all places that are suspicious.
 *
 * @param code - the code of the tags.
 * @param body - the code that was generated from them, and is a valid script.
 * @param compile - compiles such code. Throws if it is invalid.
 */
export function moduleProblem(
  code: string,
  body: string,
  compile: (body: string) => void,
): ModuleProblem | undefined {
  for (const { pattern, replacement, problem } of SCRIPT_SYNTAX) {
    if (code.search(pattern) < 0) continue;
    try {
      compile(body.replace(pattern, replacement));
    } catch (error) {
      return { problem, error };
    }
  }
  return undefined;
}

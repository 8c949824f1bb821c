// The header `Plural-Forms` of gettext catalogues: `nplurals=2; plural=n != 1;`. The expression is one of C. It is parsed
// into functions, and never evaluated as code.

import { shownText } from '@landspout/ioloop/errors';
import type { CatalogueSource } from './catalogue-source.ts';

/** How a language counts. */
export interface PluralForms {
  /** The number of forms. */
  readonly count: number;
  /** Returns the index of the form for a count; negative, or too large, only if the expression is wrong. */
  indexFor(count: number): number;
}

/** The rule of Germanic languages, which gettext uses for a catalogue without the header. */
export const TWO_FORMS: PluralForms = { count: 2, indexFor: (count) => (Math.abs(count) === 1 ? 0 : 1) };

/** The longest known expression, that of Arabic, has 110 characters. */
const MAX_CHARS = 1_000;
/** No language is known to have more than six. */
const MAX_FORMS = 20;
/** Maximum number of levels of brackets and operators: the functions call each other. */
const MAX_LEVELS = 100;
/** GNU msgfmt checks the expression with these counts too. */
const CHECKED_COUNTS = 1_000;

const HEADER = /^\s*nplurals\s*=\s*(\d{1,3})\s*;\s*plural\s*=([^;]*);?\s*$/;

/** @throws CatalogueError `ERR_WEB_CATALOGUE` if the header is not valid, or selects a form that does not exist. */
export function parsePluralForms(
  header: string,
  source: CatalogueSource,
  line: number | undefined,
): PluralForms {
  const wrong = (problem: string): Error =>
    source.error(`Plural-Forms: ${problem}, in ${shownText(header, 200)}`, line);
  if (header.length > MAX_CHARS) throw wrong(`it must have at most ${MAX_CHARS} characters`);
  const match = HEADER.exec(header);
  if (match === null) throw wrong('"nplurals=<number>; plural=<expression>;" was expected');
  const count = Number(match[1]);
  if (count < 1 || count > MAX_FORMS) throw wrong(`nplurals must be from 1 to ${MAX_FORMS}`);
  const expression = new ExpressionParser(match[2] as string, wrong).parse();
  const indexFor = (value: number): number => Math.trunc(expression(Math.abs(value)));
  for (let value = 0; value <= CHECKED_COUNTS; value += 1) {
    const index = indexFor(value);
    if (!(index >= 0 && index < count))
      throw wrong(`for ${value}, the form ${index} of ${count} is selected`);
  }
  return { count, indexFor };
}

type Expression = (n: number) => number;
type Operator = (left: number, right: number) => number;

const flag = (value: boolean): number => (value ? 1 : 0);

/** Binary operators, from those that bind the least. All are left-associative. */
const LEVELS: ReadonlyArray<Readonly<Record<string, Operator>>> = [
  { '||': (left, right) => flag(left !== 0 || right !== 0) },
  { '&&': (left, right) => flag(left !== 0 && right !== 0) },
  { '==': (left, right) => flag(left === right), '!=': (left, right) => flag(left !== right) },
  {
    '<': (left, right) => flag(left < right),
    '>': (left, right) => flag(left > right),
    '<=': (left, right) => flag(left <= right),
    '>=': (left, right) => flag(left >= right),
  },
  { '+': (left, right) => left + right, '-': (left, right) => left - right },
  {
    '*': (left, right) => left * right,
    // A division by zero makes NaN, which is no form.
    '/': (left, right) => Math.trunc(left / right),
    '%': (left, right) => left % right,
  },
];

const TOKEN = /\s*(\d{1,9}|n|\|\||&&|[=!<>]=|[-<>+*/%!?:()])/y;

/** Parses by recursive descent. */
class ExpressionParser {
  readonly #text: string;
  readonly #wrong: (problem: string) => Error;
  #at = 0;
  #token: string | undefined = undefined;
  #level = 0;

  constructor(text: string, wrong: (problem: string) => Error) {
    this.#text = text;
    this.#wrong = wrong;
  }

  parse(): Expression {
    this.#next();
    const expression = this.#choice();
    if (this.#token !== undefined) throw this.#unexpected();
    return expression;
  }

  /** `condition ? then : otherwise`, right-associative. */
  #choice(): Expression {
    this.#level += 1;
    if (this.#level > MAX_LEVELS) throw this.#wrong(`it has more than ${MAX_LEVELS} levels`);
    const condition = this.#binary(0);
    let expression = condition;
    if (this.#skip('?')) {
      const then = this.#choice();
      this.#expect(':');
      const otherwise = this.#choice();
      expression = (n) => (condition(n) === 0 ? otherwise(n) : then(n));
    }
    this.#level -= 1;
    return expression;
  }

  #binary(level: number): Expression {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#unary();
    let expression = this.#binary(level + 1);
    for (;;) {
      const operate = this.#token === undefined ? undefined : operators[this.#token];
      if (operate === undefined) return expression;
      this.#next();
      const left = expression;
      const right = this.#binary(level + 1);
      expression = (n) => operate(left(n), right(n));
    }
  }

  #unary(): Expression {
    let negations = 0;
    while (this.#skip('!')) negations += 1;
    const operand = this.#operand();
    if (negations === 0) return operand;
    return negations % 2 === 1 ? (n) => flag(operand(n) === 0) : (n) => flag(operand(n) !== 0);
  }

  #operand(): Expression {
    const token = this.#token;
    if (token === undefined) throw this.#unexpected();
    if (this.#skip('n')) return (n) => n;
    if (this.#skip('(')) {
      const expression = this.#choice();
      this.#expect(')');
      return expression;
    }
    if (!/^\d/.test(token)) throw this.#unexpected();
    this.#next();
    const value = Number(token);
    return () => value;
  }

  #skip(token: string): boolean {
    if (this.#token !== token) return false;
    this.#next();
    return true;
  }

  #expect(token: string): void {
    if (!this.#skip(token)) throw this.#unexpected();
  }

  #next(): void {
    TOKEN.lastIndex = this.#at;
    this.#token = TOKEN.exec(this.#text)?.[1];
    if (this.#token !== undefined) this.#at = TOKEN.lastIndex;
    else if (this.#text.slice(this.#at).trim() !== '') throw this.#unexpected();
  }

  #unexpected(): Error {
    const rest = this.#text.slice(this.#at).trim();
    const what = this.#token ?? (rest === '' ? 'the end' : rest.slice(0, 1));
    return this.#wrong(`unexpected ${shownText(what)} in the expression`);
  }
}

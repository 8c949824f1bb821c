// A template, compiled once: its literal text, and what each of its values is printed as.

import { type AttributeUse, attributeUse } from './attribute-rules.ts';
import { closeReference, decodeReferences } from './character-references.ts';
import type { Printing } from './content.ts';
import { type Ambiguity, inUnquoted, type Place } from './place.ts';
import { endOf, literalPlaceOf, placeOf, templateError } from './template-error.ts';
import { HtmlTokenizer, type TokenListener } from './tokenizer.ts';
import { type DataImages, urlVerdict } from './url-check.ts';

/** Text between tags. */
export const TEXT = 0;
/** Escaped text: in a quoted attribute, or in an element without tags. */
export const ESCAPED = 1;
/** An attribute that is one value, whose name and quotation marks are printed with it. */
export const WHOLE = 2;
/** The whole value of a quoted attribute, with its literal text, which is checked. */
export const CHECKED = 3;
/** Data in a script. */
export const SCRIPT = 4;

export type SegmentKind = typeof TEXT | typeof ESCAPED | typeof WHOLE | typeof CHECKED | typeof SCRIPT;

/** How a value that is in an attribute is checked. */
export class AttributeRule {
  readonly tag: string;
  readonly name: string;
  /** Undefined for an attribute whose values are only escaped. */
  readonly check: ((value: string) => boolean) | undefined;
  /** CHECKED: the text before, between and after the values, without character references. */
  readonly literals: readonly string[];
  /** Whether the log already has a warning for this attribute. */
  hasWarned = false;

  constructor(tag: string, name: string, use: AttributeUse, literals: readonly string[] = []) {
    this.tag = tag;
    this.name = name;
    this.check = use.kind === 'url' || use.kind === 'urls' ? use.check : undefined;
    this.literals = literals;
  }
}

/** One or several values of a template, and the literal text after them. */
export class Segment {
  readonly kind: SegmentKind;
  /** How many values it has. More than one only if it is {@link CHECKED}. */
  readonly count: number;
  /** How the values are printed. */
  readonly printing: Printing;
  /** WHOLE and CHECKED. */
  readonly rule: AttributeRule | undefined;
  /** WHOLE: the white space before the name, the name, `=` and `"`. */
  readonly opening: string;
  after = '';

  constructor(
    kind: SegmentKind,
    count: number,
    printing: Printing,
    rule: AttributeRule | undefined,
    opening: string,
  ) {
    this.kind = kind;
    this.count = count;
    this.printing = printing;
    this.rule = rule;
    this.opening = opening;
  }
}

export interface Template {
  /** The literal text before the first value. */
  readonly first: string;
  readonly segments: readonly Segment[];
  readonly valueCount: number;
}

/** @throws WebUsageError `ERR_WEB_TEMPLATE` if a value stands where none can be safe, or the template ends inside a tag. */
export function compileTemplate(strings: readonly string[]): Template {
  return new TemplateCompiler(strings).compile();
}

/** An attribute whose value is being read, and has values of the template. */
interface Draft {
  /** The index of its first value. */
  readonly hole: number;
  /** Without quotation marks: the white space before the name, and the name. */
  readonly prefix: string | undefined;
  readonly literals: string[];
}

interface SegmentDetails {
  readonly isEscaped?: boolean;
  readonly count?: number;
  readonly rule?: AttributeRule;
  readonly opening?: string;
}

class TemplateCompiler implements TokenListener {
  readonly #strings: readonly string[];
  readonly #tokenizer = new HtmlTokenizer(this);
  readonly #segments: Segment[] = [];
  #first = '';
  /** Text that follows the last segment. */
  #literal = '';
  /** The literal that is read, and where the part of it starts that is not in {@link #literal} yet. */
  #text = '';
  #index = 0;
  #mark = 0;
  #draft: Draft | undefined;
  #isRefresh = false;
  /** The index of a value in `content` of the tag; -1 if there is none. */
  #contentHole = -1;

  constructor(strings: readonly string[]) {
    this.#strings = strings;
  }

  compile(): Template {
    const last = this.#strings.length - 1;
    for (let index = 0; index <= last; index += 1) {
      const text: string | undefined = this.#strings[index];
      if (typeof text !== 'string')
        throw this.#error(index, 'an escape sequence is invalid', 'write "\\\\" for a "\\"');
      this.#text = text;
      this.#index = index;
      this.#mark = 0;
      this.#tokenizer.read(text);
      if (this.#tokenizer.hasBrokenWhole) this.#addValue(index - 1, inUnquoted(this.#tokenizer.attribute));
      if (index < last) this.#addValue(index, this.#tokenizer.place());
    }
    const { unfinished } = this.#tokenizer;
    if (unfinished !== undefined) {
      throw templateError(endOf(this.#strings), `the template ends inside ${unfinished}`, 'complete it');
    }
    this.#endLiteral(this.#text.length);
    this.#flushLiteral();
    return { first: this.#first, segments: this.#segments, valueCount: last };
  }

  tagStarted(): void {
    this.#isRefresh = false;
    this.#contentHole = -1;
  }

  attributeEnded(end: number): void {
    const draft = this.#draft;
    const { tag, attribute, valueStart } = this.#tokenizer;
    if (draft !== undefined) {
      draft.literals.push(this.#text.slice(0, end));
      this.#mark = end;
      this.#draft = undefined;
      this.#finish(draft);
    } else if (tag === 'meta' && attribute === 'http-equiv') {
      const value = decodeReferences(this.#text.slice(valueStart, end)).text;
      if (value.trim().toLowerCase() === 'refresh') this.#setRefresh();
    }
  }

  refuse({ problem, remedy }: Ambiguity, end: number): void {
    throw templateError(literalPlaceOf(this.#strings, this.#index, end), problem, remedy);
  }

  #addValue(hole: number, place: Place): void {
    const { attributeStart, valueStart } = this.#tokenizer;
    switch (place.kind) {
      case 'refused':
        throw this.#error(hole, `a value cannot stand ${place.where}`, place.remedy);
      case 'quoted':
        if (this.#draft !== undefined) {
          this.#draft.literals.push(this.#closed(this.#text, hole));
          return;
        }
        this.#endLiteral(valueStart);
        this.#draft = {
          hole,
          prefix: undefined,
          literals: [this.#closed(this.#text.slice(valueStart), hole)],
        };
        return;
      case 'whole': {
        this.#endLiteral(attributeStart);
        const prefix = this.#text.slice(attributeStart).replace(/[\t\n\f\r ]*=[\t\n\f\r ]*$/, '');
        this.#draft = { hole, prefix, literals: [''] };
        return;
      }
      default:
        this.#endLiteral(this.#text.length);
        if (place.kind !== 'script') this.#literal = this.#closed(this.#literal, hole);
        // Browsers drop a line feed at the start of a <textarea>, so that one of the value would be lost.
        if (place.kind === 'rcdata' && place.dropsLineFeed) this.#literal += '\n';
        this.#add(place.kind === 'text' ? TEXT : place.kind === 'script' ? SCRIPT : ESCAPED, hole);
    }
  }

  /** Adds the values of an attribute, whose literals are known. */
  #finish(draft: Draft): void {
    const { hole, prefix, literals } = draft;
    const { tag, attribute } = this.#tokenizer;
    this.#requireValuesIn(tag, attribute, hole);
    const use = attributeUse(tag, attribute, this.#isRefresh);
    if (prefix !== undefined) {
      const rule = new AttributeRule(tag, attribute, use);
      this.#add(WHOLE, hole, { isEscaped: use.kind === 'html', opening: `${prefix}="`, rule });
      return;
    }
    if (use.kind === 'html' && literals.some((literal) => literal !== '')) {
      throw this.#error(
        hole,
        `a value cannot stand in a part of ${attribute}`,
        `write ${attribute}=\${html\`…\`}, with the values in the inner template`,
      );
    }
    if (
      use.kind === 'text' ||
      (use.kind === 'url' && this.#isAllowedStart(literals[0] ?? '', use.images, hole))
    ) {
      for (const [index, literal] of literals.entries()) {
        if (index > 0) this.#add(ESCAPED, hole + index - 1);
        this.#literal += literal;
      }
      return;
    }
    const decoded = literals.map((literal) => this.#decoded(literal, hole));
    const rule = new AttributeRule(tag, attribute, use, decoded);
    this.#add(CHECKED, hole, { isEscaped: use.kind === 'html', count: literals.length - 1, rule });
  }

  #requireValuesIn(tag: string, attribute: string, hole: number): void {
    if (attribute.startsWith('on')) {
      throw this.#error(
        hole,
        `a value cannot stand in the event handler ${attribute}`,
        'put the value into an attribute such as data-id, and read it in a script that calls addEventListener',
      );
    }
    if (tag === 'script' && attribute === 'type') {
      throw this.#error(
        hole,
        'a value cannot stand in the type of a <script>',
        'choose between two templates',
      );
    }
    if (tag !== 'meta') return;
    if (attribute === 'http-equiv') {
      throw this.#error(
        hole,
        'a value cannot stand in http-equiv',
        'write the name, or set the header instead',
      );
    }
    if (attribute === 'content') this.#contentHole = hole;
  }

  #setRefresh(): void {
    this.#isRefresh = true;
    if (this.#contentHole === -1) return;
    throw this.#error(
      this.#contentHole,
      'a value cannot stand in the content of a refresh before http-equiv',
      'write http-equiv="refresh" first',
    );
  }

  /** Whether the literal start of a URL decides that the URL is allowed, so that it need not be checked. */
  #isAllowedStart(literal: string, images: DataImages, hole: number): boolean {
    const { text: start, unknown } = decodeReferences(literal);
    // The part before a reference whose meaning is not known.
    const known = unknown === undefined ? start : start.slice(0, start.indexOf(unknown));
    const verdict = urlVerdict(known, images, false);
    if (verdict !== 'refused') return verdict === 'allowed';
    throw this.#error(
      hole,
      `a value cannot stand in a URL that starts with ${JSON.stringify(start)}`,
      'use http, https, mailto, tel, a relative URL or an image in a data URL; otherwise write the tag with unsafeHtml',
    );
  }

  /** Returns the literal text before a value, so that the value cannot complete a character reference. */
  #closed(literal: string, hole: number): string {
    const { text, ambiguous } = closeReference(literal);
    if (ambiguous === undefined) return text;
    throw this.#error(
      hole,
      `a value cannot stand directly after ${ambiguous}`,
      `write ${ambiguous}; for the character, or &amp;${ambiguous.slice(1)} for the text`,
    );
  }

  #decoded(literal: string, hole: number): string {
    const { text, unknown } = decodeReferences(literal);
    if (unknown === undefined) return text;
    throw this.#error(hole, `a URL with values cannot contain ${unknown}`, 'write the character itself');
  }

  #add(kind: SegmentKind, hole: number, details: SegmentDetails = {}): void {
    const strings = this.#strings;
    const { isEscaped = kind === TEXT, count = 1, rule, opening = '' } = details;
    this.#flushLiteral();
    const printing: Printing = { isEscaped, where: () => placeOf(strings, hole) };
    this.#segments.push(new Segment(kind, count, printing, rule, opening));
  }

  /** Adds the rest of the current literal, up to `end`, to the text after the last segment. */
  #endLiteral(end: number): void {
    this.#literal += this.#text.slice(this.#mark, end);
    this.#mark = end;
  }

  #flushLiteral(): void {
    const last = this.#segments.at(-1);
    if (last === undefined) this.#first += this.#literal;
    else last.after += this.#literal;
    this.#literal = '';
  }

  #error(hole: number, problem: string, remedy: string): Error {
    return templateError(placeOf(this.#strings, hole), problem, remedy);
  }
}

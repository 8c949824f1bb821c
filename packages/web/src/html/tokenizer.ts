// Where in a page a value of a template stands: the tokenizer of HTML (WHATWG HTML §13.2.5), over literal text only.

import {
  asciiLowerCase,
  endTagOf,
  FOREIGN,
  hasForeignMarkup,
  indexOfMatch,
  LETTER,
  NAME_END,
  RAW_TEXT,
  RCDATA,
  SPACE,
  skipSpace,
} from './grammar.ts';
import {
  type Ambiguity,
  foreignMarkup,
  IN_COMMENT,
  IN_DECLARATION,
  IN_END_TAG,
  IN_FOREIGN_SCRIPT,
  IN_TAG,
  IN_TAG_NAME,
  inRawText,
  inRcdata,
  inUnquoted,
  type Place,
  selfClosing,
} from './place.ts';
import { ScriptText } from './script-text.ts';

/** What the tokenizer reports while it reads a literal. Positions are indexes into that literal. */
export interface TokenListener {
  /** The name of a tag starts. */
  tagStarted(): void;
  /** The value of an attribute is complete. @param end - the index after its last character. */
  attributeEnded(end: number): void;
  /** Browsers may read the template differently. Throws. @param end - the index after the place. */
  refuse(ambiguity: Ambiguity, end: number): void;
}

type State =
  | 'text'
  | 'tag-open'
  | 'end-tag-open'
  | 'tag-name'
  | 'in-tag'
  | 'attribute-name'
  | 'after-name'
  | 'before-value'
  | 'double-quoted'
  | 'single-quoted'
  | 'unquoted'
  | 'after-whole'
  | 'broken-whole'
  | 'comment'
  | 'declaration'
  | 'cdata'
  | 'rcdata'
  | 'raw-text'
  | 'script';

/** What looks like markup in an element that has none; or a value could make it so. In SVG, `<title>` has markup. */
const MARKUP = /<(?:[a-z/!?]|$)/i;

/**
 * Reads the literals of a template in order. Between two of them is a value, whose {@link place} is known after the first
 * was read. A value never changes the state: where it could, it is refused.
 */
export class HtmlTokenizer {
  readonly #listener: TokenListener;
  #state: State = 'text';
  #text = '';
  /** Where the current token starts in {@link #text}. Names are within one literal, since no value may be in them. */
  #start = 0;
  #isEndTag = false;
  /** The element whose text is read, if its text has no tags. */
  #element = '';
  #script: ScriptText | undefined;
  /** How many attributes `type` the tag has, and the value of the first, which counts; '' if it has none. */
  #types = 0;
  #scriptType = '';
  #isSelfClosing = false;
  /** How many `<svg>` and `<math>` are open. */
  #foreign = 0;
  /** Whether the text of {@link #element} has a "<" that may be read as markup. */
  #hasMarkup = false;
  /** Whether the text of {@link #element} is still empty. */
  #isElementStart = false;

  /** The tag that is read, or was read last; in lower case. */
  tag = '';
  /** The attribute that is read, or was read last; in lower case. */
  attribute = '';
  /** Where the white space before the attribute starts. */
  attributeStart = 0;
  /** Where the value of the attribute starts; 0 if it started in an earlier literal. */
  valueStart = 0;

  constructor(listener: TokenListener) {
    this.#listener = listener;
  }

  /** Reads the next literal. */
  read(text: string): void {
    this.#text = text;
    this.#start = 0;
    this.attributeStart = 0;
    this.valueStart = 0;
    let at = 0;
    // Ends: each step consumes a character, or changes to a state whose step does.
    while (at < text.length) at = this.#step(at);
    if (this.#state === 'script') this.#script?.read(text.slice(this.#start));
    if (this.#state === 'rcdata') {
      this.#hasMarkup ||= MARKUP.test(text.slice(this.#start));
      this.#isElementStart = this.#start > 0 && this.#start === text.length;
    }
  }

  /** The place of the value after the literal that was read. Called once per value. */
  place(): Place {
    switch (this.#state) {
      case 'text':
        return { kind: 'text' };
      case 'rcdata':
        if (this.#hasMarkup) return inRcdata(this.#element);
        return { kind: 'rcdata', dropsLineFeed: this.#isElementStart && this.#element === 'textarea' };
      case 'script':
        if (this.#foreign > 0) return IN_FOREIGN_SCRIPT;
        return this.#script?.problem ?? { kind: 'script' };
      case 'double-quoted':
      case 'single-quoted':
        return this.#isEndTag ? IN_END_TAG : { kind: 'quoted' };
      case 'before-value':
        if (this.#isEndTag) return IN_END_TAG;
        this.#state = 'after-whole';
        return { kind: 'whole' };
      case 'unquoted':
      case 'after-whole':
        return inUnquoted(this.attribute);
      case 'comment':
        return IN_COMMENT;
      case 'declaration':
      case 'cdata':
        return IN_DECLARATION;
      case 'raw-text':
        return inRawText(this.#element);
      case 'tag-open':
      case 'end-tag-open':
      case 'tag-name':
        return IN_TAG_NAME;
      default:
        return IN_TAG;
    }
  }

  /** Whether text follows a value that is a whole attribute: `name=${value}text`. */
  get hasBrokenWhole(): boolean {
    return this.#state === 'broken-whole';
  }

  /** What the template ends in; undefined if it ends in text, so that another can follow. */
  get unfinished(): string | undefined {
    switch (this.#state) {
      case 'text':
        return undefined;
      case 'comment':
        return 'a comment';
      case 'declaration':
      case 'cdata':
        return 'a declaration';
      case 'rcdata':
      case 'raw-text':
      case 'script':
        return `the element <${this.#element}>`;
      case 'double-quoted':
      case 'single-quoted':
      case 'unquoted':
        return `the attribute ${this.attribute}`;
      default:
        return 'a tag';
    }
  }

  #step(at: number): number {
    switch (this.#state) {
      case 'text':
        return this.#readText(at);
      case 'tag-open':
        return this.#readTagOpen(at);
      case 'end-tag-open':
        return this.#readEndTagOpen(at);
      case 'tag-name':
        return this.#readTagName(at);
      case 'in-tag':
        return this.#readInTag(at);
      case 'attribute-name':
        return this.#readAttributeName(at);
      case 'after-name':
        return this.#readAfterName(at);
      case 'before-value':
        return this.#readBeforeValue(at);
      case 'double-quoted':
        return this.#readQuoted(at, '"');
      case 'single-quoted':
        return this.#readQuoted(at, "'");
      case 'unquoted':
        return this.#readUnquoted(at);
      case 'after-whole':
        return this.#readAfterWhole(at);
      case 'comment':
        return this.#readComment(at);
      case 'declaration':
        return this.#skipPast('>', at);
      case 'cdata':
        return this.#skipPast(']]>', at);
      case 'script':
        return this.#readScript(at);
      default:
        return this.#readElementText(at);
    }
  }

  #readText(at: number): number {
    const open = this.#text.indexOf('<', at);
    if (open === -1) return this.#text.length;
    this.#state = 'tag-open';
    return open + 1;
  }

  #readTagOpen(at: number): number {
    const char = this.#text.charAt(at);
    this.#isEndTag = false;
    if (LETTER.test(char)) return this.#startName(at);
    if (char === '/') {
      this.#state = 'end-tag-open';
      return at + 1;
    }
    if (char === '?') this.#state = 'declaration';
    else if (char !== '!') this.#state = 'text';
    else return this.#readDeclarationOpen(at + 1);
    return at;
  }

  #readDeclarationOpen(at: number): number {
    const text = this.#text;
    if (text.startsWith('--', at)) {
      this.#state = 'comment';
      return at + 2;
    }
    // In HTML this is a comment that ends at the first ">", and in SVG it is text that ends at "]]>".
    this.#state = text.startsWith('[CDATA[', at) ? 'cdata' : 'declaration';
    return at;
  }

  #readEndTagOpen(at: number): number {
    const char = this.#text.charAt(at);
    this.#isEndTag = true;
    if (LETTER.test(char)) return this.#startName(at);
    this.#state = char === '>' ? 'text' : 'declaration';
    return char === '>' ? at + 1 : at;
  }

  #startName(at: number): number {
    this.#state = 'tag-name';
    this.#start = at;
    this.#scriptType = '';
    this.#types = 0;
    this.#isSelfClosing = false;
    this.#listener.tagStarted();
    return at + 1;
  }

  #readTagName(at: number): number {
    const end = indexOfMatch(this.#text, NAME_END, at);
    this.tag = asciiLowerCase(this.#text.slice(this.#start, end));
    if (end < this.#text.length) this.#state = 'in-tag';
    return end;
  }

  #readInTag(at: number): number {
    const start = at;
    const after = skipSpace(this.#text, at);
    const char = this.#text.charAt(after);
    if (char === '') return after;
    if (char === '>') return this.#endTag(after + 1);
    this.#isSelfClosing = char === '/' && this.#text.charAt(after + 1) === '>';
    if (char === '/') return after + 1;
    this.#state = 'attribute-name';
    this.attributeStart = start;
    this.#start = after;
    return after + 1; // a "=" at the start belongs to the name
  }

  #readAttributeName(at: number): number {
    const end = indexOfMatch(this.#text, /[\t\n\f\r />=]/, at);
    this.attribute = asciiLowerCase(this.#text.slice(this.#start, end));
    if (end < this.#text.length) this.#state = 'after-name';
    if (this.attribute === 'type') this.#types += 1;
    return end;
  }

  #readAfterName(at: number): number {
    const after = skipSpace(this.#text, at);
    const char = this.#text.charAt(after);
    if (char === '') return after;
    this.#state = char === '=' ? 'before-value' : 'in-tag';
    return char === '=' ? after + 1 : at;
  }

  #readBeforeValue(at: number): number {
    const after = skipSpace(this.#text, at);
    const char = this.#text.charAt(after);
    if (char === '') return after;
    if (char === '>') return this.#endTag(after + 1);
    const isQuoted = char === '"' || char === "'";
    this.#state = char === '"' ? 'double-quoted' : isQuoted ? 'single-quoted' : 'unquoted';
    this.valueStart = isQuoted ? after + 1 : after;
    return this.valueStart;
  }

  #readQuoted(at: number, quote: string): number {
    const end = this.#text.indexOf(quote, at);
    if (end === -1) return this.#text.length;
    this.#endValue(end);
    return end + 1;
  }

  #readUnquoted(at: number): number {
    const end = indexOfMatch(this.#text, /[\t\n\f\r >]/, at);
    if (end < this.#text.length) this.#endValue(end);
    return end;
  }

  #readAfterWhole(at: number): number {
    const { length } = this.#text;
    const isEnd = SPACE.test(this.#text.charAt(at)) || /^\/?>/.test(this.#text.slice(at, at + 2));
    this.#state = isEnd ? 'in-tag' : 'broken-whole';
    if (isEnd) this.#listener.attributeEnded(at);
    return isEnd ? at : length;
  }

  #endValue(end: number): void {
    this.#state = 'in-tag';
    if (this.attribute === 'type' && this.#types === 1) {
      this.#scriptType = this.#text.slice(this.valueStart, end);
    }
    this.#listener.attributeEnded(end);
  }

  /** @param at - the index after the ">". */
  #endTag(at: number): number {
    const { tag } = this;
    this.#start = at;
    this.#element = tag;
    this.#state = 'text';
    if (FOREIGN.has(tag)) this.#countForeign();
    if (this.#isEndTag) return at;
    const hasText = RCDATA.has(tag) || RAW_TEXT.has(tag) || tag === 'script';
    if (hasText && this.#isSelfClosing) this.#listener.refuse(selfClosing(tag), at);
    if (RCDATA.has(tag)) {
      this.#state = 'rcdata';
      this.#hasMarkup = false;
    } else if (RAW_TEXT.has(tag)) {
      this.#state = 'raw-text';
    } else if (tag === 'script') {
      this.#state = 'script';
      this.#script = new ScriptText(this.#scriptType);
    }
    return at;
  }

  #countForeign(): void {
    if (!this.#isEndTag) this.#foreign += this.#isSelfClosing ? 0 : 1;
    else if (this.#foreign > 0) this.#foreign -= 1;
  }

  /** Reads a comment from the index after "<!--". It ends with `-->` or `--!>`; `<!-->` and `<!--->` are complete. */
  #readComment(at: number): number {
    const text = this.#text;
    const end = /--!?>|^-?>/.exec(text.slice(at));
    if (end === null) return text.length;
    this.#state = 'text';
    return at + end.index + end[0].length;
  }

  #skipPast(end: string, at: number): number {
    const found = this.#text.indexOf(end, at);
    if (found === -1) return this.#text.length;
    this.#state = 'text';
    return found + end.length;
  }

  /** Reads the text of an element that has no tags, up to its end tag. `<plaintext>` has none. */
  #readElementText(at: number): number {
    const end = this.#element === 'plaintext' ? -1 : endTagOf(this.#element, this.#text, at);
    this.#requireText(at, end);
    return end === -1 ? this.#text.length : this.#startEndTag(end);
  }

  #readScript(at: number): number {
    const end = this.#script?.endIn(this.#text, at) ?? -1;
    this.#requireText(at, end);
    return end === -1 ? this.#text.length : this.#startEndTag(end);
  }

  /** In SVG and MathML, refuses text of {@link #element} that is markup there. @param end - -1 if it has no end yet. */
  #requireText(start: number, end: number): void {
    if (this.#foreign === 0) return;
    const text = this.#text.slice(start, end === -1 ? this.#text.length : end);
    if (hasForeignMarkup(text)) this.#listener.refuse(foreignMarkup(this.#element), start + text.length);
  }

  /** @param at - the index of the "</". */
  #startEndTag(at: number): number {
    this.#isEndTag = true;
    this.tag = this.#element;
    this.#state = 'in-tag';
    return at + 2 + this.#element.length;
  }
}

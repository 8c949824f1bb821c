// The literal text of a script: whether data may follow it, and where it ends.

import { IN_CODE, IN_JSON_STRING, type RefusedPlace } from './place.ts';

/** What data must not follow in JavaScript: it could stand inside a string, a comment or a regular expression. */
const NOT_BEFORE_DATA = /["'`/]|<!--/;
const JSON_TYPE = /^(?:[^;]*[/+]json|importmap|speculationrules)$/i;

/** The text of one `<script>`, as far as it was read. */
export class ScriptText {
  readonly #isJson: boolean;
  #isUnsafe = false;
  #isInString = false;
  /** Whether the text is in `<!--`, and there in a second `<script>`, whose end tag does not end the script. */
  #escape: 'none' | 'comment' | 'script' = 'none';

  /** @param type - the attribute `type`; '' if there is none. */
  constructor(type: string) {
    this.#isJson = JSON_TYPE.test(type.trim());
  }

  /** Reads the text before a value. Values are complete values of JSON. */
  read(text: string): void {
    if (!this.#isJson) {
      this.#isUnsafe ||= NOT_BEFORE_DATA.test(text);
      return;
    }
    for (let at = 0; at < text.length; at += 1) {
      const char = text.charAt(at);
      if (char === '"') this.#isInString = !this.#isInString;
      else if (char === '\\' && this.#isInString) at += 1;
    }
  }

  /** Why there can be no value here; undefined if there can. */
  get problem(): RefusedPlace | undefined {
    if (this.#isInString) return IN_JSON_STRING;
    return this.#isUnsafe ? IN_CODE : undefined;
  }

  /**
   * Returns the index of the end tag of the script; -1 if it is not in `text`. Called for each piece of the text, in
   * order. HTML, "script data escaped state" and "script data double escaped state".
   */
  endIn(text: string, start: number): number {
    const token = /<!--|-->|<(\/?)script(?=[\t\n\f\r />])/gi;
    token.lastIndex = start;
    for (let found = token.exec(text); found !== null; found = token.exec(text)) {
      const [all, slash] = found;
      if (all === '<!--') {
        if (this.#escape === 'none') this.#escape = 'comment';
        token.lastIndex -= 2; // its "--" may also be the "--" of "-->"
      } else if (all === '-->') {
        this.#escape = 'none';
      } else if (slash === '') {
        if (this.#escape === 'comment') this.#escape = 'script';
      } else if (this.#escape === 'script') {
        this.#escape = 'comment';
      } else {
        return found.index;
      }
    }
    return -1;
  }
}

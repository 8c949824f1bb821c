import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { headEndIn, lastBodyEnd, PageAssets } from './page-assets.ts';
import type { TemplateHandler } from './template-handler.ts';
import type { UIModule } from './ui-module.ts';

/** Maximum length of the start of an end tag: all of `</head` and `</body`, without the character after it. */
const TAG_START = '</head'.length;
/** Maximum number of characters that are held after `</body>`. More of them mean that the page goes on. */
const MAX_HELD_CHARS = 16 * 1024;

/**
 * Adds the assets of UI modules to a page that is sent in pieces. Those for the head that are known when `</head>`
 * arrives are placed before it, and all that become known later before `</body>`, where browsers accept them too. The
 * text from the last `</body>` on is held until the end, at most 16 KiB; a page without `</body>` gets them at its end.
 *
 * @example
 * const assets = modules.streamAssets();
 * for await (const piece of pieces) this.write(assets.push(piece));
 * this.finish(assets.end());
 */
export class PageAssetsStream {
  readonly #assets: PageAssets;
  readonly #modules: () => Iterable<UIModule>;
  #isInHead = true;
  /** The text that was not passed on: the start of an end tag, or all from the last `</body>` on. */
  #held = '';
  /** Whether {@link #held} starts with `</body`. */
  #isAfterBody = false;
  #isEnded = false;

  /** @param modules - returns the modules that were used so far, in order of first use. */
  constructor(handler: TemplateHandler, modules: () => Iterable<UIModule>) {
    this.#assets = new PageAssets(handler);
    this.#modules = modules;
  }

  /**
   * Takes the next piece of the page.
   *
   * @returns the text that can be sent now; may be empty.
   * @throws what a module throws while its assets are collected.
   */
  push(piece: string): string {
    const text = this.#held + piece;
    const headAt = this.#isInHead ? headEndIn(text) : -1;
    if (headAt < 0) return this.#pushBody(text, piece.length);
    this.#isInHead = false;
    this.#assets.addHead(this.#modules());
    const rest = text.slice(headAt);
    return text.slice(0, headAt) + this.#assets.takeHead() + this.#pushBody(rest, rest.length);
  }

  /** Ends the page. @returns the rest of the text, with the assets that were not placed. */
  end(): string {
    if (this.#isEnded) return '';
    this.#isEnded = true;
    const before = this.#isAfterBody ? '' : this.#held;
    const after = this.#isAfterBody ? this.#held : '';
    this.#held = '';
    this.#assets.addHead(this.#modules());
    this.#assets.addBody(this.#modules());
    return before + this.#assets.takeHead() + this.#assets.takeBody() + after;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ heldChars: this.#held.length, isInHead: this.#isInHead }));
  }

  /** @param newChars - how much of the text was not searched before. */
  #pushBody(text: string, newChars: number): string {
    // The start of a tag may be in the text that was searched before.
    const from = Math.max(0, text.length - newChars - TAG_START);
    const found = lastBodyEnd(text.slice(from));
    if (found < 0 && !this.#isAfterBody) return this.#holdTagStart(text);
    const bodyAt = found < 0 ? 0 : found + from;
    this.#held = text.slice(bodyAt);
    this.#isAfterBody = true;
    // A `</head>` after it is none.
    this.#isInHead = false;
    return text.slice(0, bodyAt) + (this.#held.length > MAX_HELD_CHARS ? this.#release() : '');
  }

  /** Passes on all but what may be the start of an end tag. */
  #holdTagStart(text: string): string {
    const at = text.lastIndexOf('<');
    const isStart = at >= 0 && text.length - at <= TAG_START && isTagStart(text.slice(at));
    this.#held = isStart ? text.slice(at) : '';
    return isStart ? text.slice(0, at) : text;
  }

  #release(): string {
    const text = this.#held;
    this.#held = '';
    this.#isAfterBody = false;
    return this.#holdTagStart(text);
  }
}

function isTagStart(text: string): boolean {
  const lower = text.toLowerCase();
  return '</head'.startsWith(lower) || '</body'.startsWith(lower);
}

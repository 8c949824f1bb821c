import { shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { WebUsageError } from '../errors.ts';
import { Html } from '../html/html-value.ts';
import { embeddedCss, embeddedJavascript, linkedCss, linkedJavascript } from './asset-elements.ts';
import type { TemplateHandler } from './template-handler.ts';
import type { AssetList, UIModule } from './ui-module.ts';

// An end tag may have white space and attributes.
const FIRST_END = /<\/(head|body)[\s/>]/i;
const BODY_END = /<\/body[\s/>]/gi;

type ListMethod = 'cssFiles' | 'embeddedCss' | 'javascriptFiles' | 'embeddedJavascript';

/** The CSS, JavaScript and HTML that UI modules add to one page: each once, in order of first use. */
export class PageAssets {
  readonly #handler: TemplateHandler;
  /** The modules whose assets for the head are collected. */
  readonly #inHead = new Set<UIModule>();
  readonly #cssFiles = new OnceList();
  readonly #embeddedCss = new OnceList();
  readonly #htmlHead = new OnceList();
  readonly #javascriptFiles = new OnceList();
  readonly #embeddedJavascript = new OnceList();
  readonly #htmlBody = new OnceList();

  constructor(handler: TemplateHandler) {
    this.#handler = handler;
  }

  /** Collects what belongs into the head, of modules of which it was not collected before. */
  addHead(modules: Iterable<UIModule>): void {
    for (const module of modules) {
      if (this.#inHead.has(module)) continue;
      this.#inHead.add(module);
      for (const file of textsOf(module, 'cssFiles')) this.#cssFiles.add(this.#urlOf(file));
      addAll(this.#embeddedCss, textsOf(module, 'embeddedCss'));
      addMarkup(this.#htmlHead, module, 'htmlHead');
    }
  }

  /** Collects what belongs to the end of the body. */
  addBody(modules: Iterable<UIModule>): void {
    for (const module of modules) {
      for (const file of textsOf(module, 'javascriptFiles')) this.#javascriptFiles.add(this.#urlOf(file));
      addAll(this.#embeddedJavascript, textsOf(module, 'embeddedJavascript'));
      addMarkup(this.#htmlBody, module, 'htmlBody');
    }
  }

  /** Returns the elements for the head that were not returned before. */
  takeHead(): string {
    return (
      this.#rendered('renderLinkedCss', linkedCss, this.#cssFiles.take()) +
      this.#rendered('renderEmbedCss', embeddedCss, this.#embeddedCss.take()) +
      this.#htmlHead.take().join('')
    );
  }

  /** Returns the elements for the end of the body that were not returned before. */
  takeBody(): string {
    return (
      this.#rendered('renderLinkedJs', linkedJavascript, this.#javascriptFiles.take()) +
      this.#rendered('renderEmbedJs', embeddedJavascript, this.#embeddedJavascript.take()) +
      this.#htmlBody.take().join('')
    );
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      cssFiles: this.#cssFiles.all,
      javascriptFiles: this.#javascriptFiles.all,
    }));
  }

  #rendered(
    method: 'renderLinkedCss' | 'renderEmbedCss' | 'renderLinkedJs' | 'renderEmbedJs',
    standard: typeof linkedCss,
    texts: readonly string[],
  ): string {
    if (texts.length === 0) return '';
    const html = this.#handler[method]?.(texts) ?? standard(texts, { nonce: this.#handler.cspNonce });
    if (Html.isHtml(html) && !html.isAsync) return String(html);
    throw usage(`${method} must return Html without asynchronous values, got ${shownValue(html)}`);
  }

  /** URLs and absolute paths stay as they are; other paths are those of static files. */
  #urlOf(file: string): string {
    return /^(?:\/|[a-z][a-z\d+.-]*:)/i.test(file) ? file : this.#handler.staticUrl(file);
  }
}

/**
 * Adds the assets to a complete page: those for the head before the first `</head>`, and the others before the last
 * `</body>`. A page without `</head>` gets all before `</body>`, and one without `</body>` at its end.
 */
export function insertAssets(page: string, assets: PageAssets): string {
  const bodyAt = lastBodyEnd(page);
  const end = bodyAt < 0 ? page.length : bodyAt;
  const headAt = headEndIn(page);
  const headEnd = headAt < 0 ? end : headAt;
  return (
    page.slice(0, headEnd) +
    assets.takeHead() +
    page.slice(headEnd, end) +
    assets.takeBody() +
    page.slice(end)
  );
}

/** Returns the index of the end tag of the head; -1 if there is none, or only one after the end of the body. */
export function headEndIn(page: string): number {
  const found = FIRST_END.exec(page);
  return found?.[1]?.toLowerCase() === 'head' ? found.index : -1;
}

/** Texts in order, each only once. */
class OnceList {
  readonly #seen = new Set<string>();
  #waiting: string[] = [];

  get all(): readonly string[] {
    return [...this.#seen];
  }

  add(text: string): void {
    if (this.#seen.has(text)) return;
    this.#seen.add(text);
    this.#waiting.push(text);
  }

  /** Returns the texts that were added since the last call. */
  take(): readonly string[] {
    const taken = this.#waiting;
    this.#waiting = [];
    return taken;
  }
}

/** Returns the index of the last end tag of the body; -1 if there is none. */
export function lastBodyEnd(page: string): number {
  let last = -1;
  for (const { index } of page.matchAll(BODY_END)) last = index;
  return last;
}

function textsOf(module: UIModule, method: ListMethod): readonly string[] {
  const given: AssetList = module[method]();
  const texts = given === undefined ? [] : typeof given === 'string' ? [given] : given;
  if (!Array.isArray(texts) || !texts.every((text) => typeof text === 'string')) {
    const { name } = module.constructor;
    throw usage(
      `${method} of ${name} must return a string, an array of strings or undefined, got ${shownValue(given)}`,
    );
  }
  return texts.filter((text) => text !== '');
}

function addMarkup(list: OnceList, module: UIModule, method: 'htmlHead' | 'htmlBody'): void {
  const html: unknown = module[method]();
  if (html === undefined) return;
  if (!Html.isHtml(html) || html.isAsync) {
    const { name } = module.constructor;
    throw usage(
      `${method} of ${name} must return Html without asynchronous values, or undefined, got ${shownValue(html)}`,
    );
  }
  list.add(String(html));
}

function addAll(list: OnceList, texts: readonly string[]): void {
  for (const text of texts) list.add(text);
}

function usage(problem: string): WebUsageError {
  return new WebUsageError('ERR_WEB_USAGE', problem);
}

import { shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { isThenable } from '@landspout/ioloop/reactor';
import { disown, WebUsageError, webChecks } from '../errors.ts';
import { Html } from '../html/html-value.ts';
import type { HtmlSink } from '../html/rendering.ts';
import { templateNamespace } from '../templates/namespace.ts';
import type { TemplateView } from '../templates/template-view.ts';
import { UIModules } from '../templates/ui-modules.ts';
import type { AnyHandler, HandlerContext, PageInProgress } from './lifecycle.ts';

/**
 * A page as a function: receives the data of the call of `render`, and the same names that the templates of an engine
 * see.
 */
export type HtmlTemplate<Data = void> = (data: Data, view: TemplateView) => Html | PromiseLike<Html>;

/** What `render` takes: HTML, a function that makes it, or the name of a template. */
// biome-ignore lint/suspicious/noExplicitAny: a template is accepted whatever data it takes
export type Page = Html | HtmlTemplate<any> | string;

type Rendered = string | Html;

/** Renders the pages of one handler: finds the templates, collects the assets of UI modules, and waits for values. */
export class PageRenderer {
  readonly modules: UIModules;
  readonly #handler: AnyHandler;
  readonly #context: HandlerContext;

  constructor(handler: AnyHandler, context: HandlerContext) {
    this.#handler = handler;
    this.#context = context;
    this.modules = new UIModules(handler, context.application.templates.uiModules);
  }

  /** Makes what a template sees. */
  namespace(data: object | undefined): Record<string, unknown> {
    const { uiMethods } = this.#context.application.templates;
    return templateNamespace(this.#handler, { uiMethods, modules: this.modules, data });
  }

  /** Calls a template. @throws WebUsageError `ERR_WEB_USAGE` if there is no engine; what the template throws. */
  content(operation: string, page: Page, data: unknown): Rendered | PromiseLike<Rendered> {
    if (Html.isHtml(page)) return page;
    const handler = this.#handler;
    if (typeof page === 'function') {
      return requireHtml(operation, page(data, handler.templateNamespace() as unknown as TemplateView));
    }
    if (typeof page !== 'string') {
      disown(page);
      const expected = 'a page: Html, a function that returns it, or the name of a template';
      throw webChecks.wrong(operation, expected, page);
    }
    const { engine } = this.#context.application.templates;
    if (engine !== undefined)
      return engine.render(page, handler.templateNamespace(data as object | undefined));
    const remedy = `to render the template ${JSON.stringify(page)}, the application needs the setting templateEngine`;
    throw new WebUsageError('ERR_WEB_USAGE', `${operation}: ${remedy}; for text, call write`);
  }

  /** Completes the response with a page. @returns a promise if something in the page is asynchronous. */
  finishWith(content: Rendered | PromiseLike<Rendered>): Promise<void> | undefined {
    const { rendering } = this.#context;
    if (rendering !== undefined) {
      if (Html.isHtml(content)) content.cancel();
      disown(content);
      throw new WebUsageError('ERR_WEB_USAGE', 'render: a page is being rendered; await the first call');
    }
    if (isKnown(content)) {
      this.#handler.finish(this.modules.insertAssets(String(content)));
      return undefined;
    }
    return this.#finishLater(content);
  }

  /** Joins a page to text. Assets of UI modules are not added. */
  text(content: Rendered | PromiseLike<Rendered>): string | Promise<string> {
    return isKnown(content) ? String(content) : settledText(content);
  }

  [INSPECT](): object {
    return inspection(this, ['modules']);
  }

  #finishLater(content: Rendered | PromiseLike<Rendered>): Promise<void> {
    const stopped = new AbortController();
    const done = this.#render(content, stopped.signal).finally(() => {
      if (this.#context.rendering === page) this.#context.rendering = undefined;
    });
    const page: PageInProgress = {
      done,
      stop: (reason) => {
        if (this.#context.rendering === page) this.#context.rendering = undefined;
        stopped.abort(reason);
      },
    };
    this.#context.rendering = page;
    // The application awaits it, unless another response has replaced it.
    disown(done);
    return done;
  }

  async #render(content: Rendered | PromiseLike<Rendered>, stopped: AbortSignal): Promise<void> {
    const page = await content;
    if (typeof page === 'string' || !page.isAsync) {
      this.#finish(this.modules.insertAssets(String(page)), stopped);
      return;
    }
    const { response } = this.#context;
    const assets = this.modules.streamAssets();
    const sink: HtmlSink = {
      write(text) {
        stopped.throwIfAborted();
        response.append(assets.push(text));
      },
      flush: () => (response.headSent ? response.flush() : undefined),
    };
    await page.renderTo(sink, { signal: stopped });
    this.#finish(assets.end(), stopped);
  }

  #finish(text: string, stopped: AbortSignal): void {
    stopped.throwIfAborted();
    // From now on, the handler may write again.
    this.#context.rendering = undefined;
    this.#handler.finish(text);
  }
}

function isKnown(content: Rendered | PromiseLike<Rendered>): boolean {
  return typeof content === 'string' || (Html.isHtml(content) && !content.isAsync);
}

async function settledText(content: Rendered | PromiseLike<Rendered>): Promise<string> {
  const page = await content;
  return typeof page === 'string' ? page : page.toPromise();
}

/** Checks what a function returned, so that a forgotten `return` is an error. */
function requireHtml(operation: string, made: unknown): Html | PromiseLike<Html> {
  if (isThenable(made)) return Promise.resolve(made).then((settled) => requireHtml(operation, settled));
  if (Html.isHtml(made)) return made;
  const remedy = made === undefined ? '; is there a return?' : '; use the tag html';
  const problem = `the function of the page must return Html, got ${shownValue(made)}${remedy}`;
  throw new WebUsageError('ERR_WEB_USAGE', `${operation}: ${problem}`);
}

/** The reason why a page is stopped that something else has replaced. */
export function replaced(by: string): WebUsageError {
  return new WebUsageError('ERR_WEB_FINISHED', `render: ${by} has replaced the page`);
}

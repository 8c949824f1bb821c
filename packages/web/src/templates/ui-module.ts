import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { isThenable } from '@landspout/ioloop/reactor';
import { unsafeHtml } from '../html/html.ts';
import type { Html } from '../html/html-value.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import type { TemplateHandler } from './template-handler.ts';

/** What {@link UIModule.render} may return. Text is escaped. */
export type ModuleContent = Html | string | PromiseLike<Html | string>;

/** One text or URL, several, or none. */
export type AssetList = string | readonly string[] | undefined;

/**
 * A part of pages with its own CSS and JavaScript, which are added once to each page that has the module. Write a
 * subclass with `render`, and register it in the setting `uiModules`; a template calls it as
 * `<%= it.modules.Entry(entry) %>`, and a handler as `this.module(Entry, entry)`.
 *
 * One instance is created per request when the module is first used, and renders all its parts of the page. The other
 * methods are called after the page was rendered; those for the head of a streamed page before its `</head>` is sent.
 *
 * @typeParam Handler - the class of the handlers whose pages use the module.
 *
 * @example
 * class Entry extends UIModule {
 *   render(entry: Entry): Html {
 *     return html`<article><h2>${entry.title}</h2></article>`;
 *   }
 *   override cssFiles(): string {
 *     return 'entry.css';
 *   }
 * }
 */
export abstract class UIModule<Handler extends TemplateHandler = TemplateHandler> {
  readonly handler: Handler;
  readonly request: HTTPServerRequest;

  constructor(handler: Handler) {
    this.handler = handler;
    this.request = handler.request;
  }

  /** The user of the request; see `RequestHandler.currentUser`. */
  get currentUser(): Handler['currentUser'] {
    return this.handler.currentUser;
  }

  /** The locale of the response; see `RequestHandler.locale`. */
  get locale(): Handler['locale'] {
    return this.handler.locale;
  }

  /** Renders the module once. Text is escaped, so return `Html` for markup: of `html`, or of {@link renderString}. */
  // biome-ignore lint/suspicious/noExplicitAny: a subclass declares the parameters of its own
  abstract render(...args: any[]): ModuleContent;

  /** Renders a template of the application's `templateEngine`, with the namespace of the handler and `data`. */
  renderString(template: string, data?: object): Html | Promise<Html> {
    const rendered = this.handler.renderString(template, data);
    return isThenable(rendered) ? Promise.resolve(rendered).then(asHtml) : asHtml(rendered);
  }

  /** JavaScript that is embedded before `</body>`. It must not contain `</script` or `<!--`. Default: none. */
  embeddedJavascript(): AssetList {
    return undefined;
  }

  /** JavaScript files: paths of static files, paths that start with a slash, or URLs. Default: none. */
  javascriptFiles(): AssetList {
    return undefined;
  }

  /** CSS that is embedded before `</head>`. It must not contain `</style`. Default: none. */
  embeddedCss(): AssetList {
    return undefined;
  }

  /** CSS files: paths of static files, paths that start with a slash, or URLs. Default: none. */
  cssFiles(): AssetList {
    return undefined;
  }

  /** HTML for the end of `<head>`. Default: none. */
  htmlHead(): Html | undefined {
    return undefined;
  }

  /** HTML for the end of `<body>`. Default: none. */
  htmlBody(): Html | undefined {
    return undefined;
  }

  [INSPECT](): object {
    return inspection(this, ['request'], () => ({ handler: undefined }));
  }
}

/** A class of UI modules. */
export type UIModuleClass<Module extends UIModule = UIModule> = new (
  // biome-ignore lint/suspicious/noExplicitAny: a module may require a handler of a certain class
  handler: any,
) => Module;

/** What the call of a module returns: a promise if its `render` does. */
export type RenderedModule<Module extends UIModule> = SettledHtml<ReturnType<Module['render']>>;

type SettledHtml<Content> = Content extends PromiseLike<unknown> ? Promise<Html> : Html;

/** What a template made is HTML. */
function asHtml(rendered: string | Html): Html {
  return typeof rendered === 'string' ? unsafeHtml(rendered) : rendered;
}

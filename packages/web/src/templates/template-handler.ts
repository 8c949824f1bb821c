import type { Html } from '../html/html-value.ts';
import type { Locale } from '../locale/locale.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';

/** What templates and UI modules use of the handler of their request. `RequestHandler` is one. */
export interface TemplateHandler {
  readonly request: HTTPServerRequest;
  /** Read only if a template asks for it. */
  // biome-ignore lint/suspicious/noExplicitAny: the handler types it
  readonly currentUser: any;
  /** The locale of the response. Read only if a template asks for it. */
  readonly locale: Locale;
  /**
   * The nonce of the `Content-Security-Policy` of this response. The scripts and styles of UI modules carry it. Default:
   * none.
   */
  readonly cspNonce?: string | undefined;
  // biome-ignore-start lint/suspicious/noExplicitAny: the handler types them by its routes and settings
  staticUrl(path: string, options?: any): string;
  reverseUrl(target: string, ...values: any[]): string;
  // biome-ignore-end lint/suspicious/noExplicitAny: see above
  xsrfFormHtml(): Html;
  /** Renders a template with the namespace of this handler and `data`. */
  renderString(template: string, data?: object): RenderedTemplate;
  /** Makes the elements for the JavaScript files of UI modules. Default: `linkedJavascript`. */
  renderLinkedJs?(urls: readonly string[]): Html;
  /** Makes the elements for the embedded JavaScript of UI modules. Default: `embeddedJavascript`. */
  renderEmbedJs?(texts: readonly string[]): Html;
  /** Makes the elements for the CSS files of UI modules. Default: `linkedCss`. */
  renderLinkedCss?(urls: readonly string[]): Html;
  /** Makes the elements for the embedded CSS of UI modules. Default: `embeddedCss`. */
  renderEmbedCss?(texts: readonly string[]): Html;
}

/** The HTML of a template, as a handler returns it. */
export type RenderedTemplate = string | Html | PromiseLike<string | Html>;

import type { Locale, TranslateFunction } from '../locale/locale.ts';
import type { TemplateHandler } from './template-handler.ts';
import type { ModuleCalls, UIModules } from './ui-modules.ts';

/** What the function of a page sees beside its data: the names that the templates of an engine see. */
export interface TemplateView {
  readonly handler: TemplateHandler;
  readonly request: TemplateHandler['request'];
  /** The result of `getCurrentUser`. */
  // biome-ignore lint/suspicious/noExplicitAny: the handler types it
  readonly currentUser: any;
  /** The locale of the user. */
  readonly locale: Locale;
  /** Translates a message into the locale; see `Locale._`. */
  readonly _: TranslateFunction;
  readonly staticUrl: TemplateHandler['staticUrl'];
  readonly reverseUrl: TemplateHandler['reverseUrl'];
  /** The hidden field with the XSRF token, for each form with an unsafe method. */
  readonly xsrfFormHtml: TemplateHandler['xsrfFormHtml'];
  /** The UI modules of the setting `uiModules`, by name. */
  readonly modules: ModuleCalls;
  /** Renders a UI module, by its class or its name. */
  readonly module: UIModules['call'];
}

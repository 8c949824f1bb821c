import { isThenable } from '@landspout/ioloop/reactor';
import { disown, WebUsageError, webChecks } from '../errors.ts';
import { Locale } from '../locale/locale.ts';
import { Locales } from '../locale/locales.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import type { HTTPServerResponse } from '../response/http-server-response.ts';
import { addVary } from '../response/vary.ts';

/** What a handler offers to find its locale. */
export interface LocalizedHandler {
  readonly application: { readonly locales: Locales };
  readonly request: HTTPServerRequest;
  readonly response: HTTPServerResponse;
  getUserLocale(): string | Locale | undefined;
  getBrowserLocale(): Locale;
}

/** The locale of one request. */
export class RequestLocale {
  readonly #handler: LocalizedHandler;
  #locale: Locale | undefined = undefined;
  #varies = false;
  #hasLanguage = false;

  constructor(handler: LocalizedHandler) {
    this.#handler = handler;
  }

  /** The locale that was set, or that of the user, or else that of the browser. */
  get(): Locale {
    this.#locale ??= this.#find();
    this.#announce();
    return this.#locale;
  }

  /** @throws WebUsageError `ERR_WEB_USAGE` if it is neither a locale nor a code. */
  set(locale: unknown): void {
    if (!(locale instanceof Locale) && typeof locale !== 'string') {
      disown(locale);
      throw webChecks.wrong('locale', 'a Locale, or the code of one,', locale);
    }
    this.#locale = this.#known(locale);
    this.#announce();
  }

  /** The locale of the header `Accept-Language`. From now on, the response says that it depends on that header. */
  ofBrowser(): Locale {
    const { application, request, response } = this.#handler;
    const { locales } = application;
    if (locales.size > 1 && !this.#varies && isOpen(response)) {
      this.#varies = true;
      // A hook, because an error page starts with new headers.
      response.beforeHeaders(() => addVary(response, 'Accept-Language'));
    }
    return locales.negotiate(request.headers.get('Accept-Language'));
  }

  #find(): Locale {
    const handler = this.#handler;
    const chosen: unknown = handler.getUserLocale();
    if (chosen === undefined || chosen === null || chosen === '') return handler.getBrowserLocale();
    if (chosen instanceof Locale || typeof chosen === 'string') return this.#known(chosen);
    disown(chosen);
    if (!isThenable(chosen)) {
      throw webChecks.wrong(
        'locale',
        'getUserLocale must return a Locale, a code or undefined: that',
        chosen,
      );
    }
    const remedy = 'assign this.locale in prepare instead, which may be asynchronous';
    throw new WebUsageError('ERR_WEB_USAGE', `locale: getUserLocale returned a promise; ${remedy}`);
  }

  #known(locale: Locale | string): Locale {
    return typeof locale === 'string' ? this.#handler.application.locales.get(locale) : locale;
  }

  /** Adds `Content-Language` to the response, if the application wants it. */
  #announce(): void {
    const { application, response } = this.#handler;
    if (this.#hasLanguage || !application.locales.contentLanguage || response.headSent || response.ended)
      return;
    this.#hasLanguage = true;
    response.beforeHeaders(() => {
      if (response.header('Content-Language') === undefined && this.#locale !== undefined) {
        response.setHeader('Content-Language', this.#locale.tag);
      }
    });
  }
}

/** Whether headers can still be added. They cannot after `detach`, for example in a WebSocket. */
function isOpen({ headSent, ended }: HTTPServerResponse): boolean {
  return !headSent && !ended;
}

/** The locales of an application without the setting. */
let shared: Locales | undefined;

export function noTranslations(): Locales {
  shared ??= new Locales();
  return shared;
}

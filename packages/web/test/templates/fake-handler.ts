import { unsafeHtml } from '../../src/html/html.ts';
import { Locales } from '../../src/locale/locales.ts';
import type { TemplateHandler } from '../../src/templates/template-handler.ts';

/** What serves a test of modules that needs no requests. */
export function fakeHandler(more: Partial<TemplateHandler> = {}): TemplateHandler {
  return {
    request: {} as TemplateHandler['request'],
    currentUser: 'ada',
    locale: new Locales().defaultLocale,
    staticUrl: (path) => `/static/${path}`,
    reverseUrl: (target) => target,
    xsrfFormHtml: () => unsafeHtml('<input>'),
    renderString: (template) => `<b>${template}</b>`,
    ...more,
  };
}

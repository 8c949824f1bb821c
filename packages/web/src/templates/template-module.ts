import { type OptionNames, shownText, shownValue } from '@landspout/ioloop/errors';
import { WebUsageError, webChecks } from '../errors.ts';
import { unsafeHtml } from '../html/html.ts';
import { Html } from '../html/html-value.ts';
import type { TemplateHandler } from './template-handler.ts';
import { type AssetList, UIModule } from './ui-module.ts';

/** The CSS and JavaScript of a template, as the methods of {@link UIModule} return them. */
export interface TemplateResources {
  readonly embeddedJavascript?: AssetList;
  readonly javascriptFiles?: AssetList;
  readonly embeddedCss?: AssetList;
  readonly cssFiles?: AssetList;
  /** Without asynchronous values. */
  readonly htmlHead?: Html;
  /** Without asynchronous values. */
  readonly htmlBody?: Html;
}

const RESOURCES: OptionNames<TemplateResources> = {
  embeddedJavascript: true,
  javascriptFiles: true,
  embeddedCss: true,
  cssFiles: true,
  htmlHead: true,
  htmlBody: true,
};

/**
 * Renders a template as a module, with a namespace of its own: it sees the builtins and `data`, but not the data of the
 * page. The template may call `it.setResources({ cssFiles: 'entry.css' })`, each time with the same resources; `htmlHead`
 * and `htmlBody` must be `Html`, such as the result of `capture` in Eta. Every application has it under the name
 * `Template`.
 *
 * @example
 * <%= it.modules.Template('entry', { entry }) %>
 */
export class TemplateModule extends UIModule<TemplateHandler> {
  /** The resources by the path of their template, in order of first use. */
  readonly #resources = new Map<string, TemplateResources>();

  render(template: string, data: object = {}): Html | Promise<Html> {
    const setResources = (resources: TemplateResources): string => this.#setResources(template, resources);
    return this.renderString(template, { setResources, ...data });
  }

  override embeddedJavascript(): AssetList {
    return this.#all('embeddedJavascript');
  }

  override javascriptFiles(): AssetList {
    return this.#all('javascriptFiles');
  }

  override embeddedCss(): AssetList {
    return this.#all('embeddedCss');
  }

  override cssFiles(): AssetList {
    return this.#all('cssFiles');
  }

  override htmlHead(): Html | undefined {
    return this.#joined('htmlHead');
  }

  override htmlBody(): Html | undefined {
    return this.#joined('htmlBody');
  }

  /** Returns an empty text, so that a template can also print the call. */
  #setResources(template: string, resources: TemplateResources): string {
    webChecks.options('setResources', resources, RESOURCES);
    requireHtml('htmlHead', resources?.htmlHead);
    requireHtml('htmlBody', resources?.htmlBody);
    const known = this.#resources.get(template);
    if (known !== undefined && keyOf(known) !== keyOf(resources)) {
      const problem = `setResources: the template ${shownText(template)} was given other resources before on this page`;
      throw new WebUsageError('ERR_WEB_USAGE', problem);
    }
    if (known === undefined) this.#resources.set(template, { ...resources });
    return '';
  }

  #all(name: 'embeddedJavascript' | 'javascriptFiles' | 'embeddedCss' | 'cssFiles'): readonly string[] {
    return [...this.#resources.values()].flatMap((resources) => resources[name] ?? []);
  }

  #joined(name: 'htmlHead' | 'htmlBody'): Html {
    return unsafeHtml(
      [...this.#resources.values()].map((resources) => String(resources[name] ?? '')).join(''),
    );
  }
}

/** A string is refused, because it would be markup: it can contain what a client sent. */
function requireHtml(name: 'htmlHead' | 'htmlBody', value: unknown): void {
  if (value === undefined || (Html.isHtml(value) && !value.isAsync)) return;
  const remedy = 'make it with the tag html, with capture in Eta, or with unsafeHtml if the markup is safe';
  const problem = `setResources: ${name} must be Html without asynchronous values, got ${shownValue(value)}: ${remedy}`;
  throw new WebUsageError('ERR_WEB_USAGE', problem);
}

/** Two sets of resources are the same if their texts are. */
function keyOf(resources: TemplateResources): string {
  return JSON.stringify(
    Object.keys(RESOURCES).map((name) => {
      const value = resources[name as keyof TemplateResources];
      return typeof value === 'object' && !Array.isArray(value) ? String(value) : value;
    }),
  );
}

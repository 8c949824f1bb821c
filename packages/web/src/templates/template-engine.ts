/** What an application tells its template engine. */
export interface TemplateEngineOptions {
  /** The setting `debug`: templates are then not cached, unless the engine was created with another choice. */
  readonly debug: boolean;
}

/**
 * Renders templates for `RequestHandler.render` and `RequestHandler.renderString`. Set one as `templateEngine` of an
 * application; `EtaEngine` of `@landspout/web/eta` is one for files. Several applications may share an engine.
 *
 * @example
 * const engine: TemplateEngine = { render: (name, namespace) => mustache.render(sources[name], namespace) };
 */
export interface TemplateEngine {
  /**
   * Renders one template. Concurrent calls are allowed, and must not affect each other.
   *
   * @param name - the name of the template, as the handler passed it. It may come from a client.
   * @param namespace - what the template sees; see `templateNamespace`. Read properties from it, or inherit from it:
   *   a copy of its own properties contains only the data of the call.
   * @returns the HTML, which is not escaped again; or a promise for it.
   * @throws TemplateError `ERR_WEB_TEMPLATE` if there is no such template, or it is invalid or fails.
   */
  render(name: string, namespace: object): string | PromiseLike<string>;
  /** Called by each application that has this engine, before its first request. */
  configure?(options: TemplateEngineOptions): void;
}

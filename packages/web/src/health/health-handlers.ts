import type { RouteUse } from '../handler/lifecycle.ts';
import { type Awaitable, RequestHandler } from '../handler/request-handler.ts';
import { type HealthInit, healthChecksOf, healthInitProblem } from './health-options.ts';

/** What both handlers have in common: the checks of their route, and the response. */
abstract class HealthHandler extends RequestHandler {
  static override routeProblem({ handlerClass, init }: RouteUse): string | undefined {
    // Checks that such a class would make for each request could not be bounded, and their failures not logged once.
    if (handlerClass.prototype.initialize !== HealthHandler.prototype.initialize)
      return `${handlerClass.name} must not have its own initialize: pass checks and timeoutMs as the init of the route`;
    return healthInitProblem(init);
  }

  #init: HealthInit = {};

  override initialize(init: HealthInit): void {
    this.#init = init;
  }

  override setDefaultHeaders(): void {
    this.setHeader('Cache-Control', 'no-store');
  }

  override get(): Awaitable {
    const checks = healthChecksOf(this.#init);
    if (checks.size === 0 || this.isUnavailable()) return this.#respond([]);
    return checks.run(this.application).then((failed) => this.#respond(failed));
  }

  /** Whether the status is 503 whatever the checks say. */
  protected isUnavailable(): boolean {
    return false;
  }

  #respond(failed: readonly string[]): void {
    if (this.isUnavailable()) this.writeJson({ status: 'stopping' }, { status: 503 });
    else if (failed.length > 0) this.writeJson({ status: 'failing', failed }, { status: 503 });
    else this.writeJson({ status: 'ok' });
  }
}

/**
 * Responds to liveness probes: 200 while the process works, also while the server stops; 503 if a check fails. The
 * platform restarts a process that fails: check only what a restart repairs, never a database or another service.
 *
 * `init` is a {@link HealthInit}. The body is JSON: `{"status":"ok"}`, or `{"status":"failing","failed":["cache"]}` with
 * the names of the checks that fail. Their errors are logged once, when they begin to fail, and never sent. Each check
 * is bounded by `timeoutMs`. A check is not called again before its last call has settled, and until then it fails.
 * Checks that block the event loop delay every response, including this one.
 *
 * @example
 * new Application([['/livez', LivenessHandler]]);
 */
export class LivenessHandler extends HealthHandler {}

/**
 * Responds to readiness probes: 200 if the server should get requests, otherwise 503. It is 503 if a check fails, and
 * from the moment at which the server begins to stop, so that load balancers send requests elsewhere; with the option
 * `acceptMs` of `stop`, the server accepts connections meanwhile. It is no reason to restart the process.
 *
 * The options and the body are those of {@link LivenessHandler}; while the server stops, the body is
 * `{"status":"stopping"}`, and the checks do not run.
 *
 * @example
 * new Application([['/readyz', ReadinessHandler, { checks: { database: () => pool.query('SELECT 1') } }]]);
 */
export class ReadinessHandler extends HealthHandler {
  protected override isUnavailable(): boolean {
    return this.response.exchange.stopping.aborted;
  }
}

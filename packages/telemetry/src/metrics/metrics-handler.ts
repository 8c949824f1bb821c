import { type OptionNames, optionsProblem, shownValue } from '@landspout/ioloop/errors';
import { HTTPError, RequestHandler, type RouteUse } from '@landspout/web';
import { MetricsUnavailableError, MetricsUsageError } from '../errors.ts';
import { chooseMetricsFormat, METRICS_CONTENT_TYPES } from './exposition/formats.ts';
import { Metrics } from './metrics.ts';
import { type AccessCheck, accessCheck, accessProblem, type MetricsAccess } from './scrape-access.ts';

export interface MetricsHandlerInit {
  readonly metrics: Metrics;
  /** Which requests may read them. There is no default, since metrics should not be public by mistake. */
  readonly allow: MetricsAccess;
}

const INIT: OptionNames<MetricsHandlerInit> = { metrics: true, allow: true };

const UNCACHED = { 'Cache-Control': 'no-store' } as const;

/** The applications whose log has the warning about a proxy. */
const warned = new WeakSet<object>();

/** The check of each value of `allow`, which is made once for all requests of a route. */
const checks = new WeakMap<object, AccessCheck>();

/**
 * Responds with the page of a {@link Metrics} for Prometheus, in the text format 0.0.4 or as OpenMetrics 1.0, as the
 * `Accept` header asks. In a program with many processes it is the page of all of them.
 *
 * Responds with 401 if a token is missing or wrong, 403 to other requests that may not read the metrics, and 503 if the
 * parent of this process does not reply.
 *
 * @example
 * const app = new Application([['/metrics', MetricsHandler, { metrics, allow: { addresses: ['10.0.0.0/8'] } }]]);
 */
export class MetricsHandler extends RequestHandler {
  static override routeProblem({ handlerClass, init }: RouteUse): string | undefined {
    // A subclass with its own `initialize` may get them in another way.
    if (handlerClass.prototype.initialize !== MetricsHandler.prototype.initialize) return undefined;
    const { metrics, allow } = init as Partial<MetricsHandlerInit>;
    const unknown = optionsProblem(init, INIT);
    if (unknown !== undefined) return unknown;
    if (!(metrics instanceof Metrics)) return `metrics must be a Metrics, got ${shownValue(metrics)}`;
    return accessProblem(allow);
  }

  #init: MetricsHandlerInit | undefined;

  /** @throws MetricsUsageError `ERR_METRICS_USAGE` if a subclass passes an invalid `allow`. */
  override initialize(init: MetricsHandlerInit): void {
    this.#init = init;
  }

  /** A page is not the same twice, so its tag would be of no use. */
  override computeEtag(): string | undefined {
    return undefined;
  }

  override async prepare(): Promise<void> {
    const refusal = await checkOf(this.#required.allow)(this.request);
    if (refusal === undefined) return;
    if (refusal === 'forwarded') throw this.#forwarded();
    const challenge = refusal === 401 ? { 'WWW-Authenticate': 'Bearer realm="metrics"' } : {};
    throw new HTTPError(refusal, undefined, { headers: { ...UNCACHED, ...challenge } });
  }

  override async get(): Promise<void> {
    const format = chooseMetricsFormat(this.request.headers.get('Accept'));
    let page: string;
    try {
      page = await this.#required.metrics.text({ format });
    } catch (error) {
      if (!(error instanceof MetricsUnavailableError)) throw error;
      throw new HTTPError(503, error.message, { cause: error, headers: UNCACHED });
    }
    this.setHeader('Cache-Control', UNCACHED['Cache-Control']);
    this.setHeader('Content-Type', METRICS_CONTENT_TYPES[format]);
    this.setHeader('Vary', 'Accept');
    this.write(page);
  }

  /** Warns once for each application, since anyone can send such requests. */
  #forwarded(): HTTPError {
    const { application } = this;
    if (!warned.has(application)) {
      warned.add(application);
      const remedy = 'pass the option trustedProxies to listen, or use a token';
      const problem = 'the metrics were asked for through a proxy that is not trusted, and were refused';
      this.log.warn({}, `${problem}: its address says nothing about the client; ${remedy}`);
    }
    return new HTTPError(403, undefined, { headers: UNCACHED });
  }

  get #required(): MetricsHandlerInit {
    if (this.#init !== undefined) return this.#init;
    throw new MetricsUsageError(
      'ERR_METRICS_USAGE',
      'MetricsHandler: initialize was not called; call super.initialize(init) in the subclass',
    );
  }
}

function checkOf(allow: MetricsAccess): AccessCheck {
  if (typeof allow === 'string') return accessCheckOf(allow);
  let check = checks.get(allow);
  if (check === undefined) {
    check = accessCheckOf(allow);
    checks.set(allow, check);
  }
  return check;
}

function accessCheckOf(allow: MetricsAccess): AccessCheck {
  const problem = accessProblem(allow);
  if (problem !== undefined) throw new MetricsUsageError('ERR_METRICS_USAGE', `MetricsHandler: ${problem}`);
  return accessCheck(allow);
}

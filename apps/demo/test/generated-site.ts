import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How many links each page has to pages far away from it. */
const BRANCHES = 7;

/** All paths to which a {@link GeneratedSite} has links. */
export interface SitePaths {
  readonly fetched: readonly string[];
  /** Those of `fetched` to which others redirect. */
  readonly redirectTargets: readonly string[];
  readonly failed: readonly string[];
}

/**
 * A site whose pages are generated: page 0 leads to all others. Each page also links to itself, to page 0, and to
 * another host. Every hundredth page is missing, and links to every tenth lead to a redirect. Page 0 also links to a
 * file that is no page, and to a redirect to another host. `/slow` never responds.
 */
export class GeneratedSite implements AsyncDisposable {
  readonly #server: Server;
  readonly #pages: number;
  /** How often each path was requested. */
  readonly requests = new Map<string, number>();
  /** The highest number of requests at the same time. */
  maxConcurrent = 0;
  #concurrent = 0;
  #arrived = 0;
  #held: (() => void) | undefined;

  private constructor(pages: number) {
    this.#pages = pages;
    this.#server = createServer((request, response) => this.#respond(request, response));
  }

  static async start(pages: number): Promise<GeneratedSite> {
    const site = new GeneratedSite(pages);
    site.#server.listen(0, '127.0.0.1');
    await once(site.#server, 'listening');
    return site;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get paths(): SitePaths {
    const all = Array.from({ length: this.#pages }, (_, at) => at);
    const pages = all.filter((at) => !isMissing(at));
    const moved = pages.filter(isMoved);
    return {
      fetched: [...pages.map(pathOf), ...moved.map(linkTo), '/file'],
      redirectTargets: moved.map(pathOf),
      failed: [...all.filter(isMissing).map(pathOf), '/elsewhere'],
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #respond({ url = '' }: IncomingMessage, response: ServerResponse): void {
    this.requests.set(url, (this.requests.get(url) ?? 0) + 1);
    this.#concurrent += 1;
    this.maxConcurrent = Math.max(this.maxConcurrent, this.#concurrent);
    response.on('close', () => {
      this.#concurrent -= 1;
    });
    const send = (): void => this.#send(url, response);
    this.#arrived += 1;
    // The first page is alone. Then one waits for another, so that requests overlap however slow the crawler is.
    if (this.#arrived === 2) {
      this.#held = send;
      return;
    }
    this.#held?.();
    this.#held = undefined;
    // In a later loop iteration, so that more of them overlap.
    setImmediate(send);
  }

  #send(url: string, response: ServerResponse): void {
    const [, kind, number] = /^\/(page|moved|slow)?(?:\/(\d+))?/.exec(url) ?? [];
    const at = Number(number ?? 0);
    if (kind === 'slow') return;
    if (url === '/file') {
      response.writeHead(200, { 'Content-Type': 'application/octet-stream' }).end('<a href="/no-link">');
    } else if (url === '/elsewhere') {
      response.writeHead(302, { Location: 'http://another.invalid/' }).end();
    } else if (kind === 'moved') {
      response.writeHead(301, { Location: pathOf(at) }).end();
    } else if (at >= this.#pages || isMissing(at) || !(url === '/' || kind === 'page')) {
      response.writeHead(404).end();
    } else {
      response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(this.#page(at));
    }
  }

  #page(at: number): string {
    const further = Array.from({ length: BRANCHES }, (_, branch) => at * BRANCHES + branch + 1);
    // Also to the next two, because one of them or the page above may be missing.
    const links = [at + 1, at + 2, ...further].filter((page) => page < this.#pages).map(linkTo);
    const others = ['#top', '/', 'http://another.invalid/', 'mailto:a@b', pathOf(at)];
    if (at === 0) others.push('/file', '/elsewhere');
    return `<!doctype html><title>Page ${at}</title>${[...links, ...others].map(anchor).join('\n')}`;
  }
}

function isMissing(at: number): boolean {
  return at % 100 === 99;
}

function isMoved(at: number): boolean {
  return at % 10 === 5;
}

function pathOf(at: number): string {
  return at === 0 ? '/' : `/page/${at}?a=1&b=2`;
}

/** A link to a page, for each tenth by way of a redirect. */
function linkTo(at: number): string {
  return isMoved(at) ? `/moved/${at}` : pathOf(at);
}

function anchor(href: string): string {
  return `<a class=x href="${href.replaceAll('&', '&amp;')}">link</a>`;
}

import { AsyncHTTPClient, type HTTPResponse } from 'landspout';
import { TopicsClient, type TopicsClientOptions } from 'landspout/websocket/browser';
import { WebSocket } from 'landspout/websocket/web-socket';
import type { DemoSite } from './demo-site.ts';

export interface Admission {
  readonly status: number;
  readonly id: string;
  readonly name: string;
  readonly pass: string;
  readonly problem: string;
}

/**
 * Sends JSON with the token of a page, like a page does.
 *
 * @param host - by which the server is called. Default: that of its address.
 */
export async function post(
  { origin }: DemoSite,
  path: string,
  body: unknown,
  host = new URL(origin).host,
): Promise<HTTPResponse> {
  await using client = new AsyncHTTPClient();
  const token = await tokenOf(client, origin);
  return await client.fetch(origin + path, {
    method: 'POST',
    headers: {
      Host: host,
      'Content-Type': 'application/json',
      Cookie: `_xsrf=${token}`,
      'X-XSRFToken': token,
    },
    body: JSON.stringify(body),
    raiseError: false,
  });
}

/** Starts a response that is written in a few seconds. @returns its id. */
export async function startResponse({ origin }: DemoSite, question: string): Promise<string> {
  await using client = new AsyncHTTPClient();
  const token = await tokenOf(client, origin);
  const { status, headers } = await client.fetch(`${origin}/response`, {
    method: 'POST',
    headers: { Cookie: `_xsrf=${token}` },
    body: new URLSearchParams({ question, speed: 'fast', _xsrf: token }),
    followRedirects: false,
    raiseError: false,
  });
  const id = new URLSearchParams(headers.get('Location')?.split('?')[1]).get('id');
  if (id === null) throw new Error(`no response was started: ${status}`);
  return id;
}

async function tokenOf(client: AsyncHTTPClient, origin: string): Promise<string> {
  const { headers } = await client.fetch(origin);
  return /_xsrf=([^;]*)/.exec(headers.get('Set-Cookie') ?? '')?.[1] ?? '';
}

/** Asks for a pass, like the page does. */
export async function admit(site: DemoSite, name: unknown, pass?: string): Promise<Admission> {
  const response = await post(site, '/visitors', { name, pass });
  return { ...(JSON.parse(response.text()) as Admission), status: response.status };
}

/** A client of our own at the door of the demo. @param query - such as `room=lobby&pass=…`. */
export function clientOf(
  { origin }: DemoSite,
  query: Record<string, string>,
  options: TopicsClientOptions = {},
): TopicsClient & Disposable {
  const client = new TopicsClient(`${origin}/live?${new URLSearchParams(query)}`, { WebSocket, ...options });
  return Object.assign(client, { [Symbol.dispose]: () => client.close() });
}

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

/** Asks for a pass, like the page does. */
export async function admit({ origin }: DemoSite, name: unknown, pass?: string): Promise<Admission> {
  const page = await fetch(origin);
  const [cookie = ''] = page.headers.getSetCookie().map((header) => header.split(';')[0] as string);
  const response = await fetch(`${origin}/visitors`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Cookie: cookie,
      'X-XSRFToken': cookie.slice('_xsrf='.length),
    },
    body: JSON.stringify({ name, pass }),
  });
  return { ...((await response.json()) as Admission), status: response.status };
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

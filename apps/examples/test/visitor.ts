/** A log that keeps nothing. */
export const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** What a page was. */
export interface Visit {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Where the page sends its visitor. */
  readonly location: string | null;
}

/** A client that keeps cookies and sends the token of the forms that it was shown, as a browser does. */
export class Visitor {
  readonly #url: string;
  readonly #cookies = new Map<string, string>();
  /** The token of the latest form. */
  token = '';

  constructor(url: string) {
    this.#url = url;
  }

  get cookies(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  get(path: string): Promise<Visit> {
    return this.#fetch(path, {});
  }

  /** Sends a form. @param token - default: that of the latest form. */
  post(path: string, fields: Record<string, string>, token = this.token): Promise<Visit> {
    const body = new URLSearchParams(token === '' ? fields : { ...fields, _xsrf: token });
    return this.#fetch(path, { method: 'POST', body });
  }

  /** Opens the page of a form, and sends it. */
  async fill(path: string, fields: Record<string, string>): Promise<Visit> {
    await this.get(path);
    return await this.post(path, fields);
  }

  async #fetch(path: string, init: RequestInit): Promise<Visit> {
    const headers = { Cookie: this.cookies };
    const response = await fetch(this.#url + path, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [name = '', value = ''] = line.split(';', 1)[0]?.split(/=(.*)/s) ?? [];
      if (/;\s*Max-Age=0|expires=Thu, 01 Jan 1970/i.test(line) || value === '') this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    const text = await response.text();
    this.token = /name="_xsrf" value="([^"]+)"/.exec(text)?.[1] ?? this.token;
    return {
      status: response.status,
      headers: response.headers,
      text,
      location: response.headers.get('Location'),
    };
  }
}

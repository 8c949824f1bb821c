import { type ApplicationSettings, type Awaitable, HTTPError, RequestHandler } from 'landspout';
import type { Author, BlogStore } from './store.ts';

/** The settings of the application, with those of this program. */
export interface BlogSettings extends ApplicationSettings {
  readonly store: BlogStore;
  readonly blogTitle: string;
}

/** The names of the cookies; both are signed, and hidden from scripts. */
const SESSION = 'author';
const FLASH = 'flash';

/** What all pages of the blog have in common. */
export class BaseHandler<Path extends string = string> extends RequestHandler<Path, BlogSettings> {
  get store(): BlogStore {
    return this.settings.store;
  }

  override getCurrentUser(): Author | undefined {
    return this.store.author(this.getSignedCookie(SESSION));
  }

  /** Every template sees the title of the blog. */
  override templateNamespace(data?: object): Record<string, unknown> {
    return super.templateNamespace({ blogTitle: this.settings.blogTitle, ...data });
  }

  /** Error pages look like the other pages. In development, a mistake of the program shows its stack. */
  override writeError(status: number, error?: unknown): Awaitable {
    if (this.application.serveTraceback && !(error instanceof HTTPError)) {
      return super.writeError(status, error);
    }
    const detail = error instanceof HTTPError ? error.detail : undefined;
    return this.render('error', { title: detail ?? `Error ${status}`, status });
  }

  protected logIn({ id }: Author): void {
    this.setSignedCookie(SESSION, id, { expiresDays: 30 });
  }

  protected logOut(): void {
    this.clearCookie(SESSION);
  }

  /** Shows a message on the page that is opened next. */
  protected flash(message: string): void {
    this.setSignedCookie(FLASH, message, { session: true });
  }

  /** For the layout: the message of the page before, which is shown once. */
  takeFlash(): string | undefined {
    const message = this.getSignedCookie(FLASH, { maxAgeDays: 1 });
    if (message !== undefined) this.clearCookie(FLASH);
    return message;
  }

  /** Goes on with a GET, after a form. */
  protected seeOther(url: string): void {
    this.redirect(url, { status: 303 });
  }
}

/** All URLs that no route matches. */
export class NotFound extends BaseHandler {
  override prepare(): void {
    throw new HTTPError(404, undefined, { detail: 'There is no such page.' });
  }
}

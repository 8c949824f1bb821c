import { type Awaitable, HTTPError, safeNext } from 'landspout';
import { BaseHandler } from './base-handler.ts';
import { hashPassword, isPassword } from './passwords.ts';

const MAX_NAME_CHARS = 40;
const MIN_PASSWORD_CHARS = 8;
const MAX_PASSWORD_CHARS = 200;

/** Pages with a form of name and password, which lead to the page that asked for the login. */
class AccountHandler extends BaseHandler {
  /** Where to go afterwards. It comes from the URL, so it must be a page of this site. */
  protected get next(): string {
    return safeNext(this.getArgument('next', '/'), this.request.publicOrigin) ?? '/';
  }

  protected get password(): string {
    const password = this.getBodyArgument('password', undefined, { strip: false });
    if (password === undefined) throw new HTTPError(400, undefined, { detail: 'The password is missing.' });
    return password;
  }

  protected showForm(page: 'login' | 'signup', title: string): Awaitable {
    const { next } = this;
    return this.render(page, { title, next, MAX_NAME_CHARS, MIN_PASSWORD_CHARS, MAX_PASSWORD_CHARS });
  }

  /** Shows the form again, with a message. */
  protected again(page: 'login' | 'signup', message: string): void {
    this.flash(message);
    this.seeOther(`${this.reverseUrl(page)}?${new URLSearchParams({ next: this.next })}`);
  }
}

export class Login extends AccountHandler {
  override get(): Awaitable {
    return this.showForm('login', 'Log in');
  }

  override async post(): Promise<void> {
    const author = this.store.authorNamed(this.getBodyArgument('name'));
    const { password } = this;
    // Text of any length may be sent, and hashing it takes time.
    const isRight =
      password.length <= MAX_PASSWORD_CHARS && (await isPassword(password, author?.passwordHash));
    if (!isRight || author === undefined) {
      this.again('login', 'There is no account with this name and password.');
      return;
    }
    this.logIn(author);
    this.seeOther(this.next);
  }
}

export class SignUp extends AccountHandler {
  override get(): Awaitable {
    return this.showForm('signup', 'Sign up');
  }

  override async post(): Promise<void> {
    const name = this.getBodyArgument('name');
    const { password } = this;
    const problem = problemOf(name, password);
    // The name is checked again when the account is added, since others may sign up meanwhile.
    const isTaken = problem === undefined && this.store.authorNamed(name) !== undefined;
    const author =
      problem === undefined && !isTaken
        ? await this.store.addAuthor(name, await hashPassword(password))
        : undefined;
    if (author === undefined) {
      this.again('signup', problem ?? 'This name is taken.');
      return;
    }
    this.logIn(author);
    this.flash(`Welcome, ${author.name}.`);
    this.seeOther(this.next);
  }
}

export class Logout extends BaseHandler {
  override post(): void {
    this.logOut();
    this.flash('You are logged out.');
    this.seeOther(this.reverseUrl('/'));
  }
}

function problemOf(name: string, password: string): string | undefined {
  if (name === '' || name.length > MAX_NAME_CHARS) return `A name has 1 to ${MAX_NAME_CHARS} characters.`;
  if (password.length < MIN_PASSWORD_CHARS)
    return `A password has at least ${MIN_PASSWORD_CHARS} characters.`;
  if (password.length > MAX_PASSWORD_CHARS) return `A password has at most ${MAX_PASSWORD_CHARS} characters.`;
  return undefined;
}

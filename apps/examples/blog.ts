// A blog whose authors log in. Entries are kept in memory. The first visitor who logs in becomes the author.
// Run: node blog.ts [port], then open the URL that it prints.
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { Application, authenticated, HTTPError, RequestHandler, rateLimit, safeNext } from 'landspout';

interface Author {
  readonly name: string;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

interface Entry {
  readonly slug: string;
  readonly title: string;
  readonly text: string;
  readonly author: string;
  readonly published: Date;
}

const authors = new Map<string, Author>();
const entries = new Map<string, Entry>();
const newestFirst = (): Entry[] => [...entries.values()].reverse();
const hashOf = promisify<string, Buffer, number, Buffer>(scrypt);

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string => text.replace(/[&<>"]/g, (char) => ENTITIES[char] ?? '');
const field = (name: string, value = '', type = 'text'): string =>
  `<label>${name}<input name="${name}" type="${type}" value="${escaped(value)}" required></label>`;

const HEAD = `<!DOCTYPE html><html lang="en"><head><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><link rel="alternate" type="application/atom+xml" href="/feed"><style>
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere }
  nav { display: flex; flex-wrap: wrap; gap: 1rem } article { white-space: pre-wrap } button { font: inherit }
  label { display: block } label::first-letter { text-transform: uppercase }
  label :is(input, textarea) { display: block; width: 100%; box-sizing: border-box; font: inherit; margin-bottom: 1rem }
</style>`;

class BaseHandler<Path extends string = string> extends RequestHandler<Path> {
  override getCurrentUser(): Author | undefined {
    return authors.get(this.getSignedCookie('author') ?? '');
  }

  protected page(title: string, content: string): void {
    const { currentUser } = this;
    const links = currentUser
      ? `<a href="/compose">New entry</a>${this.form('/logout', '', `Log out ${currentUser.name}`)}`
      : '<a href="/login">Log in</a>';
    const nav = `<nav><a href="/">Blog</a>${links}</nav>`;
    this.write(
      `${HEAD}<title>${escaped(title)}</title></head><body>${nav}<h1>${escaped(title)}</h1>${content}`,
    );
  }

  protected form(action: string, fields: string, button: string): string {
    const token = `<input type="hidden" name="_xsrf" value="${this.xsrfToken}">`;
    return `<form method="post" action="${action}">${token}${fields}<button>${escaped(button)}</button></form>`;
  }
}

class Home extends BaseHandler {
  override get(): void {
    const list = newestFirst().map(({ slug, title, published }) => {
      return `<li>${published.toISOString().slice(0, 10)} <a href="/entry/${slug}">${escaped(title)}</a></li>`;
    });
    this.page('Blog', list.length > 0 ? `<ul>${list.join('')}</ul>` : 'There are no entries yet.');
  }
}

class EntryPage extends BaseHandler<'/entry/:slug'> {
  override get(): void {
    const entry = entries.get(this.pathParams.slug);
    if (entry === undefined) throw new HTTPError(404, undefined, { detail: 'There is no such entry.' });
    const edit = this.currentUser ? `, <a href="/compose?slug=${entry.slug}">edit</a>` : '';
    this.page(
      entry.title,
      `<article>${escaped(entry.text)}</article><p>by ${escaped(entry.author)}${edit}</p>`,
    );
  }
}

class Feed extends RequestHandler {
  override get(): void {
    const site = new URL('/', this.request.fullUrl());
    const list = newestFirst().map(({ slug, title, text, author, published }) => {
      const link = `<id>${site}entry/${slug}</id><link href="${site}entry/${slug}"/>`;
      const when = `<updated>${published.toISOString()}</updated><author><name>${escaped(author)}</name></author>`;
      return `<entry>${link}<title>${escaped(title)}</title>${when}<content>${escaped(text)}</content></entry>`;
    });
    const updated = (newestFirst()[0]?.published ?? new Date(0)).toISOString();
    const start = `<feed xmlns="http://www.w3.org/2005/Atom"><id>${site}</id><title>Blog</title><updated>${updated}</updated>`;
    this.setHeader('Content-Type', 'application/atom+xml; charset=UTF-8');
    this.write(`<?xml version="1.0" encoding="UTF-8"?>\n${start}${list.join('\n')}</feed>\n`);
  }
}

class Compose extends BaseHandler {
  override get = authenticated(function (this: Compose): void {
    const entry = entries.get(this.getQueryArgument('slug', ''));
    const slug = `<input type="hidden" name="slug" value="${entry?.slug ?? ''}">`;
    const text = `<label>text<textarea name="text" rows="12" required>${escaped(entry?.text ?? '')}</textarea></label>`;
    const fields = slug + field('title', entry?.title) + text;
    this.page(entry ? 'Edit' : 'New entry', this.form('/compose', fields, 'Publish'));
  });

  override post = authenticated(function (this: Compose): void {
    const [title, text] = [this.getBodyArgument('title'), this.getBodyArgument('text')];
    const old = entries.get(this.getBodyArgument('slug', ''));
    const slug = old?.slug ?? freeSlug(title);
    const { author = this.currentUser?.name ?? '', published = new Date() } = old ?? {};
    entries.set(slug, { slug, title, text, author, published });
    this.redirect(`/entry/${slug}`);
  });
}

function freeSlug(title: string): string {
  const words = title
    .normalize('NFKD')
    .toLowerCase()
    .match(/[a-z0-9]+/g) ?? ['entry'];
  let slug = words.join('-');
  while (entries.has(slug)) slug += '-2';
  return slug;
}

class Login extends BaseHandler {
  override get(): void {
    const isFirst = authors.size === 0;
    const next = `<input type="hidden" name="next" value="${escaped(this.getArgument('next', '/'))}">`;
    const fields = next + field('name') + field('password', '', 'password');
    this.page(
      isFirst ? 'Create the first account' : 'Log in',
      this.form('/login', fields, isFirst ? 'Create it' : 'Log in'),
    );
  }

  override async post(): Promise<void> {
    const name = this.getBodyArgument('name');
    const password = this.getBodyArgument('password', '', { strip: false });
    // Unknown names are hashed too, so that the time of the response does not tell which names there are.
    const known = authors.get(name) ?? { name, salt: randomBytes(16), hash: randomBytes(32) };
    const hash = await hashOf(password, known.salt, known.hash.length);
    if (authors.size === 0) authors.set(name, { ...known, hash });
    else if (!timingSafeEqual(hash, known.hash)) throw new HTTPError(403, undefined, WRONG_PASSWORD);
    this.setSignedCookie('author', name);
    this.redirect(safeNext(this.getBodyArgument('next', '/')) ?? '/');
  }
}

const WRONG_PASSWORD = { detail: 'There is no account with this name and password. Go back to try again.' };

class Logout extends RequestHandler {
  override post(): void {
    this.clearCookie('author');
    this.redirect('/');
  }
}

const app = new Application(
  [
    ['/', Home],
    ['/entry/:slug', EntryPage],
    ['/feed', Feed],
    ['/compose', Compose],
    ['/login', Login, {}, { middleware: [rateLimit({ limit: 20 })] }],
    ['/logout', Logout],
  ],
  // In production, keep the secret in a file: with a new secret, all users must log in again.
  { cookieSecret: randomBytes(32), xsrfCookies: true, loginUrl: '/login' },
);
const server = await app.listen({ port: process.argv[2] ?? process.env.PORT ?? 8888, host: '127.0.0.1' });
console.log(`listening on ${server.url}`);

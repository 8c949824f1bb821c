import { type Awaitable, authenticated, HTTPError } from 'landspout';
import { BaseHandler } from './base-handler.ts';
import { paragraphs } from './entry-module.ts';
import type { Draft, Entry } from './store.ts';

const ENTRIES_AT_HOME = 5;
const ENTRIES_IN_FEED = 10;
const MAX_TITLE_CHARS = 200;
const MAX_TEXT_CHARS = 100_000;

export const entryPath = '/entry/:slug';

export class Home extends BaseHandler {
  override get(): Awaitable {
    const entries = this.store.entries(ENTRIES_AT_HOME + 1);
    return this.render('home', {
      entries: entries.slice(0, ENTRIES_AT_HOME),
      hasMore: entries.length > ENTRIES_AT_HOME,
    });
  }
}

export class Archive extends BaseHandler {
  override get(): Awaitable {
    const years = new Map<number, Entry[]>();
    for (const entry of this.store.entries()) {
      const year = new Date(entry.publishedAt).getUTCFullYear();
      const list = years.get(year);
      if (list === undefined) years.set(year, [entry]);
      else list.push(entry);
    }
    return this.render('archive', { title: 'Archive', years });
  }
}

export class EntryPage extends BaseHandler<typeof entryPath> {
  override get(): Awaitable {
    const entry = this.store.entry(this.pathParams.slug);
    if (entry === undefined) throw new HTTPError(404, undefined, { detail: 'There is no such entry.' });
    return this.render('entry', { title: entry.title, entry });
  }
}

/** The newest entries as an Atom feed (RFC 4287). */
export class Feed extends BaseHandler {
  override get(): Awaitable {
    const entries = this.store.entries(ENTRIES_IN_FEED);
    const site = new URL('/', this.request.fullUrl()).href;
    const updatedAt = Math.max(0, ...entries.map((entry) => entry.updatedAt));
    this.setHeader('Content-Type', 'application/atom+xml; charset=UTF-8');
    return this.render('feed.xml', { entries, site, updatedAt, paragraphs });
  }
}

/** Writes a new entry, or changes an entry of the same author: `/compose?slug=…`. */
export class Compose extends BaseHandler {
  override get = authenticated(function (this: Compose): Awaitable {
    const { slug, title, text } = this.ownEntry(this.getQueryArgument('slug', '')) ?? NEW;
    return this.showForm({ slug, title, text });
  });

  override post = authenticated(async function (this: Compose): Promise<void> {
    const entry = this.ownEntry(this.getBodyArgument('slug', ''));
    const draft = { title: this.getBodyArgument('title'), text: this.getBodyArgument('text') };
    const problem = problemOf(draft);
    if (problem !== undefined) {
      this.setStatus(422);
      return this.showForm({ slug: entry?.slug ?? '', ...draft, problem });
    }
    if (entry !== undefined) await this.store.revise(entry, draft);
    const { slug } = entry ?? (await this.store.publish(this.author, draft));
    this.flash(entry === undefined ? 'The entry is published.' : 'The entry is changed.');
    this.seeOther(this.reverseUrl(entryPath, { slug }));
  });

  /** Text as it can be in XML too (XML 1.0 §2.2), with line breaks of one character. */
  override decodeArgument(value: string, name: string): string {
    return super
      .decodeArgument(value, name)
      .replaceAll('\r\n', '\n')
      .replace(/[\ufffe\uffff]/g, '');
  }

  /** @returns undefined without a slug. @throws HTTPError 403 if it is an entry of someone else. */
  protected ownEntry(slug: string): Entry | undefined {
    if (slug === '') return undefined;
    const entry = this.store.entry(slug);
    if (entry === undefined) throw new HTTPError(404, undefined, { detail: 'There is no such entry.' });
    if (entry.authorId === this.author.id) return entry;
    throw new HTTPError(403, undefined, { detail: 'Only its author can change an entry.' });
  }

  protected showForm(fields: Draft & { readonly slug: string; readonly problem?: string }): Awaitable {
    const title = fields.slug === '' ? 'New entry' : 'Edit entry';
    return this.render('compose', { title, fields, MAX_TITLE_CHARS, MAX_TEXT_CHARS });
  }

  protected get author() {
    const { currentUser } = this;
    if (currentUser === undefined) throw new HTTPError(403);
    return currentUser;
  }
}

const NEW = { slug: '', title: '', text: '' };

function problemOf({ title, text }: Draft): string | undefined {
  if (title === '' || text === '') return 'An entry needs a title and a text.';
  if (title.length > MAX_TITLE_CHARS) return `A title has at most ${MAX_TITLE_CHARS} characters.`;
  if (text.length > MAX_TEXT_CHARS) return `A text has at most ${MAX_TEXT_CHARS} characters.`;
  return undefined;
}

import { type Html, html, UIModule } from 'landspout/web';
import { linkify } from 'landspout/web/linkify';
import type { BaseHandler } from './base-handler.ts';
import type { Entry } from './store.ts';

/** Shows an entry, on its own page and in lists. Pages with it get its style sheet. */
export class EntryModule extends UIModule<BaseHandler> {
  render(entry: Entry, { isAlone = false } = {}): Html | Promise<Html> {
    const isOwn = this.currentUser?.id === entry.authorId;
    return this.renderString('modules/entry', { entry, isAlone, isOwn, paragraphs: paragraphs(entry.text) });
  }

  override cssFiles(): string {
    return 'entry.css';
  }
}

/** Text as HTML: an empty line starts a paragraph, and URLs become links. */
export function paragraphs(text: string): Html {
  const blocks = text.split(/\n[^\S\n]*\n/).filter((block) => block.trim() !== '');
  const attributes = { rel: 'nofollow ugc' };
  return html`${blocks.map((block) => html`<p>${linkify(block.trim(), { shorten: true, attributes })}</p>\n`)}`;
}

// The pages as functions. Values are escaped for their place; only `linkify` makes HTML of its own.
import { type Html, html, type TemplateView, UIModule } from 'landspout/web';
import { linkify } from 'landspout/web/linkify';
import type { Member, Message } from './room.ts';

export const MAX_NAME_CHARS = 24;
export const MAX_TEXT_CHARS = 500;

/** One message, for the page and for the WebSocket. */
export class MessageModule extends UIModule {
  render({ id, author, text }: Message): Html {
    const linked = linkify(text, { shorten: true, attributes: { rel: 'nofollow ugc', target: '_blank' } });
    return html`<li id="m-${id}" class="message" data-author=${author.id}><b>${author.name}</b> <span>${linked}</span></li>`;
  }
}

interface Layout {
  readonly title: string;
  readonly view: TemplateView;
  readonly content: Html;
  /** A static file. */
  readonly script?: string;
}

function layout({ title, view, content, script }: Layout): Html {
  return html`<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content">
  <meta name="color-scheme" content="light dark">
  <title>${title}</title>
  <link rel="icon" href=${view.staticUrl('icon.svg')}>
  <link rel="stylesheet" href=${view.staticUrl('chat.css')}>
  ${script !== undefined && html`<script src=${view.staticUrl(script)} defer></script>`}
</head>
<body>
${content}
</body>
</html>
`;
}

/** Asks for a name. */
export function joinPage({ problem }: { readonly problem?: string | undefined }, view: TemplateView): Html {
  const content = html`<main class="join">
  <h1>Chat</h1>
  <form method="post" action=${view.reverseUrl('/join')}>
    ${view.xsrfFormHtml()}
    <label for="name">Your name</label>
    <div class="row">
      <input id="name" name="name" maxlength=${MAX_NAME_CHARS} autocomplete="nickname" required autofocus>
      <button>Join</button>
    </div>
    ${problem !== undefined && html`<p class="problem" role="alert">${problem}</p>`}
  </form>
</main>`;
  return layout({ title: 'Chat', view, content });
}

interface ChatData {
  readonly member: Member;
  readonly messages: readonly Message[];
}

/** The room. The script of the page opens the WebSocket. */
export function chatPage({ member, messages }: ChatData, view: TemplateView): Html {
  const content = html`<header>
  <h1>Chat</h1>
  <p id="state" role="status">Connecting …</p>
  <form method="post" action=${view.reverseUrl('/leave')}>
    ${view.xsrfFormHtml()}
    <button class="quiet">Leave</button>
  </form>
</header>
<main id="scroller" tabindex="0" aria-label="Messages">
  <ol id="messages" aria-live="polite" data-socket=${view.reverseUrl('/socket')} data-member=${member.id}>${messages.map(
    (message) => view.module(MessageModule, message),
  )}</ol>
</main>
<form id="composer" class="row">
  <label for="text" class="hidden">Message</label>
  <input id="text" maxlength=${MAX_TEXT_CHARS} placeholder="Message as ${member.name}" autocomplete="off" required autofocus>
  <button disabled>Send</button>
</form>`;
  return layout({ title: 'Chat', view, content, script: 'chat.js' });
}

import { type Html, html } from 'landspout';

/** A page of the demo. */
export interface Layout {
  readonly title: string;
  /** The name of its script, below `public`. */
  readonly script: string;
  readonly current: 'chat' | 'response';
  /** What stands at the end of the bar at the top. */
  readonly bar?: Html;
  /** Everything below the bar. */
  readonly body: Html;
}

/** The part that all pages have: head, bar with the links between the pages, icon, and the line about the process. */
export function layout({ title, script, current, bar, body }: Layout): Html {
  const link = (page: Layout['current'], href: string, text: string) =>
    html`<a href="${href}" aria-current=${page === current && 'page'}>${text}</a>`;
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content">
    <meta name="color-scheme" content="light dark">
    <title>${title}</title>
    <link rel="icon" href="/static/favicon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/static/style.css">
    <link rel="stylesheet" href="/static/${current}.css">
    <script type="module" src="/static/${script}"></script>
  </head>
  <body class="${current}-page">
    <header class="bar">
      <img src="/static/favicon.svg" alt="" width="32" height="32">
      <nav class="pages" aria-label="Pages">${link('chat', '/', 'Chat')}${link('response', '/response', 'AI response')}</nav>
      ${bar}
    </header>
    ${body}
    <footer id="served" class="served" hidden></footer>
  </body>
</html>
`;
}

/** A link that opens a second tab, and the address to copy. */
export function invitation(href: string, text: string): Html {
  return html`
    <div class="invitation">
      <a class="quiet" href="${href}" target="_blank" rel="noopener">${text}</a>
      <button id="copy" class="quiet" type="button">Copy the address</button>
      <label id="address-field" hidden><span class="unseen">Address of this page</span><input id="address" readonly></label>
      <p id="copied" class="unseen" role="status"></p>
    </div>`;
}

/** What runs beneath the page, filled in by `beneath.js` and `served.js`. @param sources - paths below `src`. */
export function beneath(sources: readonly string[]): Html {
  const fact = (name: string, label: string, title: string) =>
    html`<div title="${title}"><dt>${label}</dt><dd data-fact="${name}">–</dd></div>`;
  return html`
    <details id="beneath" class="beneath">
      <summary>Beneath this page</summary>
      <dl>
        ${fact('transport', 'Connected by', 'How new lines reach this page')}
        ${fact('roundTrip', 'Round trip', 'To the server and back')}
        ${fact('tabs', 'Tabs', 'Pages that are connected to any process')}
        ${fact('backend', 'Backend', 'Native: epoll and sockets of its own. Portable: those of Node')}
        ${fact('cursor', 'Cursor', 'The position up to which this page has read; it goes on from here after a loss')}
        ${fact('startedAt', 'Server start', 'When the server was started, with all of its processes')}
      </dl>
      <button id="kill" class="quiet" type="button" hidden>Kill this process</button>
      <p id="survival" role="status"></p>
      <p>Source: ${sources.map((path) => html`<a href="/source/${path}" target="_blank" rel="noopener">${path.split('/').at(-1)}</a> `)}<a href="/source/">all files</a></p>
    </details>`;
}

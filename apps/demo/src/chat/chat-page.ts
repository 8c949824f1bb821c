import { type Html, html, RequestHandler } from 'landspout';
import { beneath, invitation, layout } from '../site/layout.ts';
import { TEXT_LENGTH } from './messages.ts';
import { ROOMS, type Room, roomOf } from './rooms.ts';

const SOURCES = ['public/chat.js', 'site/live-handler.ts', 'chat/messages.ts'];

/** The page of a room, which the query names. */
export class ChatPageHandler extends RequestHandler {
  override async get(): Promise<void> {
    // Sets the cookie, which the page sends back with its requests.
    void this.xsrfToken;
    await this.render(chatPage(roomOf(this.getQueryArgument('room', undefined))));
  }
}

function chatPage(room: Room): Html {
  return layout({
    title: `${room.name} – Landspout chat`,
    script: 'chat.js',
    current: 'chat',
    bar: html`<p id="state" class="state" role="status" data-state="connecting" hidden>Connecting…</p>
      <button id="leave" class="quiet" type="button" hidden>Leave</button>`,
    body: html`
    ${door(room)}
    <div id="room" class="room" data-room="${room.id}" data-name="${room.name}" hidden>
      <nav class="rooms" aria-label="Rooms">${ROOMS.map((one) => roomLink(one, room))}</nav>
      ${side(room)}
      ${talk(room)}
    </div>`,
  });
}

function door(room: Room): Html {
  return html`
    <main id="door" class="door">
      <form id="join" class="card">
        <img src="/static/favicon.svg" alt="" width="56" height="56">
        <h1>Landspout chat</h1>
        <p class="lead">The ${room.name} is open to everybody who has this address. Pick a name and walk in.</p>
        <label for="name">Your name</label>
        <div class="field">
          <input id="name" name="name" required maxlength="48" autocomplete="nickname" spellcheck="false" aria-describedby="join-problem">
          <button id="enter" class="primary" type="submit" disabled>Join</button>
        </div>
        <p id="join-problem" class="problem" role="alert"></p>
        <noscript><p class="problem">This page needs JavaScript to talk to the room.</p></noscript>
        <p class="elsewhere">Or watch <a href="/response">a long response being written</a>.</p>
      </form>
    </main>`;
}

function roomLink({ id, name }: Room, current: Room): Html {
  const isCurrent = id === current.id;
  return html`<a href="/?room=${id}" data-room="${id}" aria-current=${isCurrent && 'page'}>${name} <span class="unread" hidden></span></a>`;
}

function side(room: Room): Html {
  return html`
      <aside class="side" aria-label="About the room">
        <details id="people-details" class="people" open>
          <summary><span id="count">0</span> here now</summary>
          <ul id="people" aria-label="People in the room"></ul>
          <p id="alone" class="alone" hidden>Nobody else is here. Open a second tab and join it under another name.</p>
          ${invitation(`/?room=${room.id}`, 'Open a second tab')}
        </details>
        ${beneath(SOURCES)}
      </aside>`;
}

function talk(room: Room): Html {
  return html`
      <main class="talk">
        <h1 class="unseen">${room.name}</h1>
        <div id="scroller" class="scroller" tabindex="0" aria-label="Conversation">
          <p id="empty" class="empty">Nobody has said anything in the ${room.name} yet. Be the first.</p>
          <ol id="log" class="log" role="log" aria-live="polite" aria-relevant="additions" aria-label="Messages"></ol>
          <ol id="outgoing" class="log outgoing" aria-label="Messages on their way"></ol>
        </div>
        <button id="jump" class="jump" type="button" hidden></button>
        <form id="composer" class="composer">
          <p id="notice" class="problem" role="alert"></p>
          <div class="field">
            <label class="unseen" for="text">Message</label>
            <textarea id="text" name="text" rows="1" maxlength="${TEXT_LENGTH}" placeholder="Write a message" enterkeyhint="send" aria-describedby="hint"></textarea>
            <button class="primary round" type="submit" aria-label="Send">
              <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true"><path d="M4 12h14M12.5 5.5 19 12l-6.5 6.5" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round"/></svg>
            </button>
          </div>
          <p id="hint" class="hint"><kbd>Enter</kbd> sends, <kbd>Shift</kbd> + <kbd>Enter</kbd> starts a new line</p>
        </form>
      </main>`;
}

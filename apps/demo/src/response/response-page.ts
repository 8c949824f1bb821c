import { type Html, html } from 'landspout';
import { beneath, invitation, layout } from '../site/layout.ts';
import { QUESTION_LENGTH, type Question } from './responses.ts';

const SOURCES = ['public/response.js', 'response/responses.ts', 'site/live-handler.ts'];
const SUGGESTION = 'What is a landspout?';

interface ResponsePage {
  /** Whether the page can kill the process that serves it. */
  readonly mayKill: boolean;
  /** Undefined for the form alone. */
  readonly id: string | undefined;
  /** Undefined if there is no response with the id. */
  readonly question: Question | undefined;
  /** The hidden field of forms. */
  readonly xsrf: Html;
}

export function responsePage({ id, question, xsrf, mayKill }: ResponsePage): Html {
  const isThere = id !== undefined && question !== undefined;
  return layout({
    title: `${question?.text ?? 'A long response'} – Landspout`,
    script: 'response.js',
    current: 'response',
    bar: html`<p id="state" class="state" role="status" data-state="connecting" hidden>Connecting…</p>`,
    body: html`
    <main class="sheet">
      ${isThere ? response(id, question, mayKill) : introduction(id !== undefined)}
      ${form(question, xsrf)}
      ${beneath(SOURCES)}
      <noscript><p class="problem">This page needs JavaScript to show the response.</p></noscript>
    </main>`,
  });
}

function introduction(isGone: boolean): Html {
  return html`
      <h1>A response that nothing interrupts</h1>
      ${isGone && html`<p class="problem" role="alert">The response at this address is no longer kept. Start a new one.</p>`}
      <p class="lead">
        Ask something, and the server makes up a long reply, a word at a time, as an AI service would. While it is being
        written, you can reload the page, read along in a second tab, and even stop the server and start it again: the
        text goes on where it was.
      </p>`;
}

function response(id: string, { text }: Question, mayKill: boolean): Html {
  const address = `/response?id=${id}`;
  return html`
      <article class="response" data-response="${id}" aria-labelledby="question">
        <h1 id="question" dir="auto">${text}</h1>
        <div class="progress">
          <div>
            <p id="progress" role="status">Connecting…</p>
            <p><span id="words">0</span> words<span id="readers"></span></p>
          </div>
          <button id="cancel" class="quiet" type="button" hidden>Cancel it</button>
        </div>
        <div id="text" class="text" aria-busy="true"></div>
        <p id="note" class="note" role="status"></p>
      </article>
      <section class="tries" aria-labelledby="tries">
        <h2 id="tries">Try to interrupt it</h2>
        <ul>
          ${attempt('reload', 'Reload this page', 'the text is there again, and goes on.')}
          ${attempt('tab', 'Open it in a second tab', 'both show the same text, and the words arrive at the same time.')}
          ${attempt('restart', 'Stop the server and start it again', 'press Ctrl-C in its terminal, and run the same command. The pages reconnect by themselves, and the text goes on where it was.')}
          ${mayKill && attempt('kill', 'Kill the process that serves this page', 'its button is at the end, beneath this page. Another process takes the page over, and goes on with the text if it was written by the one that is gone.')}
          ${attempt('cancel', 'Cancel it', 'it ends here and in all other tabs.')}
        </ul>
        ${invitation(address, 'Open a second tab')}
      </section>`;
}

function attempt(name: string, what: string, then: string): Html {
  return html`<li data-try="${name}"><strong>${what}</strong>: ${then}<span class="unseen tried"></span></li>`;
}

function form(question: Question | undefined, xsrf: Html): Html {
  const speed = (value: string, text: string) =>
    html`<label><input type="radio" name="speed" value="${value}" required checked=${value === (question?.speed ?? 'medium')}> ${text}</label>`;
  return html`
      <form class="ask" method="post" action="/response">
        ${xsrf}
        <h2>${question === undefined ? 'Ask something' : 'Ask something else'}</h2>
        <label for="ask">Your question</label>
        <div class="field">
          <input id="ask" name="question" required maxlength="${QUESTION_LENGTH}" value="${question === undefined ? SUGGESTION : ''}" autocomplete="off">
          <button class="primary" type="submit">Start</button>
        </div>
        <fieldset>
          <legend>How fast it writes</legend>
          ${speed('slow', 'slowly (two minutes)')}
          ${speed('medium', 'steadily (one minute)')}
          ${speed('fast', 'in a hurry (five seconds)')}
        </fieldset>
      </form>`;
}

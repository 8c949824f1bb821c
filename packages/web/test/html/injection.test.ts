import { ChromiumPage } from '@landspout/tooling-chromium';
import { beforeAll, describe, expect, it } from 'vitest';
import { html, unsafeHtml } from '../../src/html/html.ts';
import type { Html } from '../../src/html/html-value.ts';
import { RequestHandler } from '../../src/index.ts';
import { jsonScript } from '../../src/text/json-script.ts';
import { signalled, withApp } from '../fixtures/running-application.ts';
import { HEAD_SCRIPT, RUN_SCRIPT } from './injection-page.ts';
import { TEXT_PAYLOADS, URL_PAYLOADS } from './injection-payloads.ts';
import { recorded } from './recorded-warnings.ts';

type Value = Parameters<typeof html>[1];
type Template = (value: Value) => Html;

/** An element of the page, as the browser has it. */
interface ElementFacts {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly text: string;
  readonly frame?: string;
  readonly frameElements?: number;
}

interface Report {
  readonly hits: readonly string[];
  /** Errors of scripts, such as of text that is not JavaScript. */
  readonly errors: readonly string[];
  readonly facts: Readonly<Record<string, readonly ElementFacts[]>>;
  readonly schemes: Readonly<Record<string, readonly string[]>>;
  readonly scriptData: Readonly<Record<string, unknown>>;
  readonly stray: number;
}

/** Where a text stands that is shown as it is: `text`, `frame`, or the name of an attribute. */
type TextPlace = readonly [place: string, template: Template];

const TEXT_PLACES: readonly TextPlace[] = [
  ['text', (v) => html`<p>${v}</p>`],
  ['text', (v) => html`<p>a ${v} b</p>`],
  ['text', (v) => html`<p>${html`${v}`}</p>`],
  ['text', (v) => html`<p>${[html`<i>${v}</i>`]}</p>`],
  ['text', (v) => html`<p>&${v};</p>`],
  ['text', (v) => html`<p>&#${v};</p>`],
  ['text', (v) => html`<title>&#x${v}</title>`],
  ['title', (v) => html`<p title="&#${v}">a</p>`],
  ['text', (v) => html`<table><tr><td>${v}</td></tr></table>`],
  ['text', (v) => html`<select><option>${v}</option></select>`],
  ['text', (v) => html`<button type=button>${v}</button>`],
  ['text', (v) => html`<pre>a${v}</pre>`],
  ['text', (v) => html`<template><p>${v}</p></template>`],
  ['text', (v) => html`<title>${v}</title>`],
  ['text', (v) => html`<textarea>${v}</textarea>`],
  ['text', (v) => html`<svg><text>${v}</text></svg>`],
  ['text', (v) => html`<svg><title>${v}</title></svg>`],
  ['text', (v) => html`<svg><foreignObject><p>${v}</p></foreignObject></svg>`],
  ['text', (v) => html`<math><mtext>${v}</mtext></math>`],
  ['text', (v) => html`<math><annotation-xml encoding="text/html"><p>${v}</p></annotation-xml></math>`],
  ['raw', (v) => html`<noscript>${v}</noscript>`],
  ['raw', (v) => html`<noscript><p title="${v}"></p></noscript>`],
  ['title', (v) => html`<p title="${v}">a</p>`],
  ['title', (v) => html`<p title='${v}'>a</p>`],
  ['title', (v) => html`<p title=${v}>a</p>`],
  ['title', (v) => html`<br title=${v}/>`],
  ['title', (v) => html`<p title="a ${v} b">a</p>`],
  ['class', (v) => html`<p id=a class="${v}" lang=b>a</p>`],
  ['style', (v) => html`<p style="color: ${v}">a</p>`],
  ['value', (v) => html`<input value="${v}">`],
  ['data-a', (v) => html`<p data-a=${v}>a</p>`],
  ['content', (v) => html`<meta name=description content="${v}">`],
  ['title', (v) => html`<svg><a title="${v}"></a></svg>`],
  ['frame', (v) => html`<iframe srcdoc="${v}"></iframe>`],
  ['frame', (v) => html`<iframe srcdoc=${v}></iframe>`],
  ['frame', (v) => html`<iframe srcdoc="${html`${v}`}"></iframe>`],
];

const URL_PLACES: readonly TextPlace[] = [
  ['href', (v) => html`<a href="${v}">a</a>`],
  ['href', (v) => html`<a href='${v}'>a</a>`],
  ['href', (v) => html`<a href=${v}>a</a>`],
  ['href', (v) => html`<a href=" ${v}">a</a>`],
  ['href', (v) => html`<a href="${v}&a=1#b">a</a>`],
  ['href', (v) => html`<a href="&#x20;${v}">a</a>`],
  ['href', (v) => html`<a href="${'java'}${v}">a</a>`],
  ['href', (v) => html`<a href="&${v}">a</a>`],
  ['href', (v) => html`<a href="&#${v}">a</a>`],
  ['href', (v) => html`<a href="&#x${v}">a</a>`],
  ['href', (v) => html`<a href="j&${v}">a</a>`],
  ['href', (v) => html`<a href="?a=${'b'}&${v}">a</a>`],
  ['href', (v) => html`<a href="/a/${v}">a</a>`],
  ['href', (v) => html`<a href="?a=${v}">a</a>`],
  ['href', (v) => html`<a href="#${v}">a</a>`],
  ['href', (v) => html`<map name=a><area href="${v}"></map>`],
  ['xlink:href', (v) => html`<svg><a xlink:href="${v}"><text>a</text></a></svg>`],
  ['href', (v) => html`<svg><a href="${v}"><text>a</text></a></svg>`],
  ['href', (v) => html`<math href="${v}"><mtext>a</mtext></math>`],
  ['to', (v) => html`<svg><a><set attributeName="href" to="${v}"/><text>a</text></a></svg>`],
  [
    'values',
    (v) => html`<svg><a><animate attributeName=xlink:href values=${v}></animate><text>a</text></a></svg>`,
  ],
  ['action', (v) => html`<form action="${v}"><button>a</button></form>`],
  ['formaction', (v) => html`<form><button formaction="${v}">a</button></form>`],
  ['formaction', (v) => html`<form><input type=submit formaction=${v}></form>`],
  ['src', (v) => html`<iframe src="${v}"></iframe>`],
  ['src', (v) => html`<img src="${v}">`],
  ['srcset', (v) => html`<img srcset="${v}">`],
  ['srcset', (v) => html`<picture><source srcset=${v}><img></picture>`],
  ['src', (v) => html`<script src="${v}"></script>`],
  ['src', (v) => html`<embed src="${v}">`],
  ['data', (v) => html`<object data="${v}"></object>`],
  ['poster', (v) => html`<video poster="${v}"></video>`],
  ['src', (v) => html`<video><source src="${v}"></video>`],
  ['src', (v) => html`<form><input type=image src="${v}"></form>`],
  ['href', (v) => html`<link rel=stylesheet href="${v}">`],
  ['background', (v) => html`<table background="${v}"></table>`],
  ['cite', (v) => html`<q cite="${v}">a</q>`],
  ['ping', (v) => html`<a href="/" ping="/a ${v}">a</a>`],
];

/** A value of each type that can hold a text. */
const TYPES: ReadonlyArray<(text: string) => Value> = [
  (text) => text,
  (text) => [...text],
  (text) => Promise.resolve(text),
  (text) => new Set([text]),
  (text) => [[null, [text]], false],
  (text) => [Promise.resolve([...text].values())],
  (text) => new String(text) as unknown as string,
  (text) => ReadableStream.from([...text]) as AsyncIterable<string>,
];

/** HTML is text like any other in attributes. */
const ATTRIBUTE_TYPES = [...TYPES, (text: string) => unsafeHtml(text)];

interface Vector {
  readonly name: string;
  /** The same place with a harmless value. */
  readonly reference: string;
  readonly kind: 'text' | 'url';
  readonly place: string;
  readonly template: Template;
  readonly text: string;
  readonly value: Value;
}

/** The attempts, with values of each type in turn. */
function vectors(): Vector[] {
  const made: Vector[] = [];
  const add = (kind: Vector['kind'], places: readonly TextPlace[], payloads: typeof TEXT_PAYLOADS) => {
    for (const [placeNumber, [place, template]] of places.entries()) {
      const types = ['text', 'raw', 'frame'].includes(place) ? TYPES : ATTRIBUTE_TYPES;
      const reference = `${kind}-${placeNumber}`;
      for (const [payloadNumber, payload] of payloads.entries()) {
        // Each payload is at a fifth of the places, and each place has a fifth of the payloads.
        if ((placeNumber + payloadNumber) % 5 !== 0) continue;
        // Without quotation marks, slashes and spaces, and for frames of other origins too.
        const text = payload(`top.postMessage(${made.length},String.fromCharCode(42))`);
        const value = types[made.length % types.length]?.(text);
        made.push({ name: `${reference}-${payloadNumber}`, reference, kind, place, template, text, value });
      }
    }
  };
  add('text', TEXT_PLACES, TEXT_PAYLOADS);
  add('url', URL_PLACES, [...URL_PAYLOADS, ...TEXT_PAYLOADS.slice(0, 12)]);
  return made;
}

/** What proves that the page notices what executes: each of these must. */
function controls(): Record<string, string> {
  const post = (name: string) => `top.postMessage('${name}','*')`;
  return {
    'first-link': `<a href="javascript:hit('first-link')">a</a>`,
    script: `<script>hit('script')</script>`,
    image: `<img src=x onerror="hit('image')">`,
    svg: `<svg onload="hit('svg')"></svg>`,
    'svg-script': `<svg><script>hit('svg-script')</script></svg>`,
    mouseover: `<p onmouseover="hit('mouseover')">a</p>`,
    focus: `<input onfocus="hit('focus')">`,
    toggle: `<details open ontoggle="hit('toggle')"><p>a</p></details>`,
    srcdoc: `<iframe srcdoc="<script>top.hit('srcdoc')</script>"></iframe>`,
    frame: `<iframe src="javascript:top.hit('frame')"></iframe>`,
    'data-frame': `<iframe src="data:text/html,<script>${post('data-frame')}</script>"></iframe>`,
    'data-svg': `<iframe src="data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'><script>top.postMessage('data-svg','*')</script></svg>"></iframe>`,
    'data-image-script': `<script src="data:image/png,hit('data-image-script')"></script>`,
    'data-script': `<script src="data:text/javascript,hit('data-script')"></script>`,
    object: `<object data="data:text/html,<script>${post('object')}</script>"></object>`,
    'svg-link': `<svg><a xlink:href="javascript:hit('svg-link')"><text>a</text></a></svg>`,
    form: `<form action="javascript:top.hit('form')"><button>a</button></form>`,
    formaction: `<form><button formaction="javascript:top.hit('formaction')">a</button></form>`,
    'last-link': `<a href="javascript:hit('last-link')">a</a>`,
  };
}

const scriptTexts = TEXT_PAYLOADS.map((payload) => payload(`hit(0)`));

/** URLs that browsers would take for scripts if a value completed the character reference before it. */
function openReferences(): Html[] {
  const hit = 'hit(0)';
  return [
    html`<a href="&#${`106;avascript:${hit}`}">a</a>`,
    html`<a href="&${`#106;avascript:${hit}`}">a</a>`,
    html`<a href="&#x${`6a;avascript:${hit}`}">a</a>`,
    html`<a href="&#10${`6;avascript:${hit}`}">a</a>`,
    html`<a href="j&${`#97;vascript:${hit}`}">a</a>`,
    html`<a href="j&Ta${`b;avascript:${hit}`}">a</a>`,
    html`<a href="javascript&${`colon;${hit}`}">a</a>`,
    html`<a href="javascript&#${`58;${hit}`}">a</a>`,
    html`<a href="${'javascript'}&#${`58;${hit}`}">a</a>`,
    html`<iframe src='&#${`106;avascript:top.${hit}`}'></iframe>`,
    html`<form action="&${`#x6a;avascript:top.${hit}`}"><button>a</button></form>`,
    html`<svg><a xlink:href="&${`#106;avascript:${hit}`}"><text>a</text></a></svg>`,
  ].map((markup, number) => html`<div data-vector="reference-${number}">${markup}</div>\n`);
}

/** Attempts inside scripts: the page keeps the values that the scripts read. */
function scripts(): Html[] {
  return scriptTexts.map(
    (text, number) => html`<div data-vector="script-${number}">
      <script>keep(${jsonScript(number)}, ${jsonScript({ [text]: [text] })})</script>
      <script type="application/json">{"text": ${jsonScript(text)}}</script></div>`,
  );
}

async function pageOf(attempts: readonly Vector[]): Promise<string> {
  const shown = attempts.map(
    ({ name, template, value }) => html`<div data-vector="${name}">${template(value)}</div>\n`,
  );
  const references = [...new Map(attempts.map((vector) => [vector.reference, vector.template]))].map(
    ([name, template]) => html`<div data-vector="${name}">${template('x')}</div>\n`,
  );
  const controlled = Object.entries(controls()).map(
    ([name, markup]) => html`<div data-control="${name}">${unsafeHtml(markup)}</div>\n`,
  );
  const [first, ...others] = controlled;
  return await html`<!doctype html><html><head><meta charset="utf-8"><title>Injection</title><link rel=icon href="data:,">
    ${unsafeHtml(`<script>${HEAD_SCRIPT}${RUN_SCRIPT}</script>`)}</head>
    <body>${first}${references}${shown}${openReferences()}${scripts()}${others}</body></html>`.toPromise();
}

/** What the browser makes of a page. @throws Error if a control does not execute. */
async function reportOf(page: string): Promise<Report> {
  const { promise, resolve } = signalled<Report>();
  const problem = signalled<string>();
  class Page extends RequestHandler {
    override get(): void {
      this.setHeader('Content-Type', 'text/html; charset=UTF-8');
      // A relative URL of a frame or a script may be that of the page itself.
      if (this.request.headers.get('Sec-Fetch-Dest') === 'document') this.write(page);
    }
  }
  class Receiver extends RequestHandler {
    override post(): void {
      resolve(JSON.parse(Buffer.from(this.request.body).toString()));
    }
  }
  class Problem extends RequestHandler {
    override post(): void {
      problem.resolve(Buffer.from(this.request.body).toString());
    }
  }
  class Anything extends RequestHandler {
    override get(): void {
      this.setHeader('Content-Type', 'text/html; charset=UTF-8');
    }
  }
  let report: Report | undefined;
  await withApp(
    [
      ['/page', Page],
      ['/report', Receiver],
      ['/problem', Problem],
      [/.*/, Anything],
    ],
    async ({ url }) => {
      await using browser = new ChromiumPage(`${url}/page`);
      const failed = problem.promise.then((text) => Promise.reject(new Error(text)));
      report = await Promise.race([promise, failed, browser.ended]);
    },
  );
  if (report === undefined) throw new Error('the browser sent no report');
  return report;
}

/** What a parser keeps of a text: not NUL, lone surrogates and CR. */
function parsed(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(/[\0\ufffd]|\p{Surrogate}/gu, '');
}

const shapeOf = (elements: readonly ElementFacts[] | undefined) =>
  elements?.map(({ tag, attributes }) => [tag, ...Object.keys(attributes)]);

/** The texts at a place of an attempt. */
function textsAt(place: string, elements: readonly ElementFacts[]): string[] {
  return elements.flatMap((element) => {
    const text =
      place === 'text' ? element.text : place === 'frame' ? element.frame : element.attributes[place];
    return text === undefined ? [] : [parsed(text)];
  });
}

const BLOCKED = 'about:blank#blocked';
const SCHEMES = ['http:', 'mailto:', 'tel:', 'about:', 'data:image/png'];
/** Elements that show an SVG image as an image only. */
const IMAGES = ['img', 'input', 'source', 'video'];

describe('html in Chromium', () => {
  const attempts = vectors();
  let report: Report;

  beforeAll(async () => {
    const { records } = await recorded(async () => {
      report = await reportOf(await pageOf(attempts));
    });
    // At most one for each place.
    expect(records.length).toBeLessThanOrEqual(URL_PLACES.length);
  }, 120_000);

  it('[TP-05] executes nothing of any value at any place, and the page notices what executes', () => {
    expect(attempts.length).toBeGreaterThan(500);
    expect(report.errors).toEqual([]);
    expect([...report.hits].sort()).toEqual(Object.keys(controls()).sort());
  });

  it('[TP-05] has the same elements and attributes as with a harmless value', () => {
    expect(report.stray).toBe(0);
    for (const { name, reference } of attempts) {
      expect(shapeOf(report.facts[name]), name).toEqual(shapeOf(report.facts[reference]));
    }
  });

  it('[TP-02] shows each text as it is', () => {
    for (const { name, kind, place, text } of attempts) {
      if (place === 'raw') continue;
      const elements = report.facts[name] ?? [];
      const expected = place === 'frame' ? parsed(text).trim() : parsed(text);
      const isShown = textsAt(place, elements).some(
        (shown) => shown.includes(expected) || (kind === 'url' && shown === BLOCKED),
      );
      expect(isShown, `${name}: ${JSON.stringify(elements)}`).toBe(true);
      for (const { frameElements = 0 } of elements) expect(frameElements, name).toBe(0);
    }
  });

  it('lets only URLs through that the browser takes for allowed ones', () => {
    const passed = new Set<string>();
    for (const { name } of attempts) {
      const isImage = report.facts[name]?.some(({ tag }) => IMAGES.includes(tag)) === true;
      const allowed = isImage ? [...SCHEMES, 'data:image/svg+xml', 'data:image/x+xml'] : SCHEMES;
      for (const scheme of report.schemes[name] ?? []) {
        expect(allowed, name).toContain(scheme);
        passed.add(scheme);
      }
    }
    expect([...passed]).toEqual(expect.arrayContaining(['http:', 'about:', 'data:image/png']));
  });

  it('takes no URL for a script if a value could complete a character reference before it', () => {
    const schemes = Object.entries(report.schemes).filter(([name]) => name.startsWith('reference-'));
    expect(schemes).toHaveLength(12);
    for (const [name, found] of schemes) expect(found, name).toEqual(['http:']);
  });

  it('[ATT-41] passes each value to scripts as it is', () => {
    for (const [number, text] of scriptTexts.entries()) {
      expect(report.scriptData[number]).toEqual({ [text]: [text] });
      expect(JSON.parse(report.facts[`script-${number}`]?.at(-1)?.text ?? '')).toEqual({ text });
    }
  });
});

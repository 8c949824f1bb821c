// The scripts of the page that shows the injection attempts in a browser. They run in Chromium.

/** Records each attempt that executes: `hit(name)`, or a message to this window, since some frames cannot call it. */
export const HEAD_SCRIPT = `
  const hits = [];
  function hit(name) { if (!hits.includes(String(name))) hits.push(String(name)); }
  addEventListener('message', ({ data }) => hit(data));
  const tell = (text) => fetch('/problem', { method: 'POST', body: String(text) });
  const errors = [];
  addEventListener('error', ({ message }) => message !== undefined && errors.push(message));
  addEventListener('unhandledrejection', ({ reason }) => tell(reason));
  addEventListener('pagehide', () => navigator.sendBeacon('/problem', 'the page was left; executed: ' + hits));
  const scriptData = {};
  function keep(name, value) { scriptData[name] = value; }
`;

/**
 * After the page is loaded: reads what each attempt became, then fires events, clicks links and submits forms. Waits
 * until all controls have executed, some of which are provoked last, and sends everything to the server.
 */
export const RUN_SCRIPT = `
  const turn = () => new Promise((resolve) => setTimeout(resolve));
  const childrenOf = (node) => [...(node.tagName === 'TEMPLATE' ? node.content : node).children];
  const below = (node) => childrenOf(node).flatMap((child) => [child, ...below(child)]);

  function factsOf(element) {
    const facts = {
      tag: element.tagName.toLowerCase(),
      attributes: Object.fromEntries([...element.attributes].map(({ name, value }) => [name, value])),
      text: element.tagName === 'TEMPLATE' ? element.content.textContent : element.textContent,
    };
    if (element.tagName === 'IFRAME' && element.hasAttribute('srcdoc')) {
      facts.frame = element.contentDocument.body.textContent;
      facts.frameElements = element.contentDocument.querySelectorAll('head *, body *').length;
    }
    return facts;
  }

  /** What the browser takes a URL for. */
  function schemeOf(url) {
    if (!URL.canParse(url, location.href)) return 'invalid';
    const { protocol, pathname } = new URL(url, location.href);
    return protocol === 'data:' ? protocol + pathname.split(/[;,]/)[0] : protocol;
  }

  const EVENTS = ['mouseover', 'mouseenter', 'pointerover', 'focus', 'focusin', 'click', 'input', 'change', 'toggle',
    'animationstart', 'transitionend', 'error', 'load', 'begin', 'wheel', 'keydown'];

  /** Lets only links to scripts through, so that the page stays. */
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a, area');
    const href = link?.getAttribute('href') ?? link?.getAttribute('xlink:href') ?? '';
    if (link !== null && schemeOf(href) !== 'javascript:') event.preventDefault();
  });

  async function provoke(container, name) {
    for (const element of below(container)) {
      const isLink = element.matches('a, area');
      for (const type of EVENTS) {
        if (type !== 'click' || !isLink) element.dispatchEvent(new Event(type, { bubbles: false }));
      }
      if (element.tabIndex >= 0) element.focus();
      if (isLink) {
        element.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true }));
        await turn();
      }
      if (element.matches('form')) {
        const target = document.createElement('iframe');
        target.hidden = true;
        target.name = 'target-' + name;
        document.body.append(target);
        element.target = target.name;
        const button = element.querySelector('button, input[type=submit], input[type=image]');
        element.requestSubmit(button);
        await turn();
      }
    }
  }

  addEventListener('load', async () => {
    const containers = [...document.querySelectorAll('[data-vector]')];
    const facts = Object.fromEntries(containers.map((container) => [
      container.dataset.vector,
      below(container).map(factsOf),
    ]));
    const schemes = Object.fromEntries(containers.map((container) => [
      container.dataset.vector,
      below(container).flatMap((element) => [...element.attributes]
        .filter(({ name }) => /^(?:href|src|action|formaction|data|poster|xlink:href|background|cite)$/.test(name))
        .map(({ value }) => schemeOf(value))),
    ]));
    const stray = document.querySelectorAll('body > :not([data-vector], [data-control])').length;
    const controls = [...document.querySelectorAll('[data-control]')];
    const names = controls.map(({ dataset }) => dataset.control);
    const [first, ...others] = controls;
    await provoke(first, first.dataset.control);
    for (const container of containers) await provoke(container, container.dataset.vector);
    for (const control of others) await provoke(control, control.dataset.control);
    const missing = () => names.filter((name) => !hits.includes(name));
    const deadline = performance.now() + 60_000;
    while (missing().length > 0) {
      if (performance.now() > deadline) return tell('not executed: ' + missing());
      await turn();
    }
    await fetch('/report', { method: 'POST', body: JSON.stringify({ hits, errors, facts, schemes, scriptData, stray }) });
  });
`;

// The script of the chat page: opens the WebSocket, sends what is typed, and shows the messages that the server renders.
const list = document.querySelector('#messages');
const scroller = document.querySelector('#scroller');
const composer = document.querySelector('#composer');
const input = composer.querySelector('input');
const button = composer.querySelector('button');
const state = document.querySelector('#state');

const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 10_000;
/** After so many attempts the server has probably forgotten this page. */
const MAX_ATTEMPTS = 6;

let socket;
let attempts = 0;

function connect() {
  const url = new URL(list.dataset.socket, location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  url.searchParams.set('after', list.lastElementChild?.id.replace(/^m-/, '') ?? '');
  socket = new WebSocket(url);
  socket.onopen = () => {
    attempts = 0;
    state.textContent = 'Connected';
    button.disabled = false;
  };
  socket.onmessage = ({ data }) => {
    for (const message of JSON.parse(data).messages) show(message);
  };
  socket.onclose = () => {
    button.disabled = true;
    attempts += 1;
    if (attempts > MAX_ATTEMPTS) {
      state.textContent = 'Connection lost. Reload the page to join again.';
      return;
    }
    state.textContent = 'Connection lost, trying again …';
    // At random, so that all pages do not come back at once after a restart.
    const delay = Math.min(FIRST_DELAY_MS * 2 ** (attempts - 1), MAX_DELAY_MS);
    setTimeout(connect, delay * (0.5 + Math.random() / 2));
  };
}

/** Adds a message, once. Its HTML is made and escaped by the server. */
function show({ id, html }) {
  if (document.getElementById(id) !== null) return;
  const isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 40;
  list.insertAdjacentHTML('beforeend', html);
  markOwn(list.lastElementChild);
  if (isAtEnd) scroller.scrollTop = scroller.scrollHeight;
}

function markOwn(item) {
  item.classList.toggle('own', item.dataset.author === list.dataset.member);
}

composer.addEventListener('submit', (event) => {
  event.preventDefault();
  if (socket.readyState !== WebSocket.OPEN || input.value.trim() === '') return;
  socket.send(input.value);
  input.value = '';
});

for (const item of list.children) markOwn(item);
scroller.scrollTop = scroller.scrollHeight;
connect();

// A chat room that is a topic, with its page. A page that was cut off gets what it has missed, also after a restart.
// Run: node topic-chat.ts [port] [folder of the journal], then open the URL that it prints in two tabs.
import { Application, RequestHandler, route } from 'landspout';
import { JournalBackplane, Topics } from 'landspout/topics';
import { type TopicAuthorization, TopicHandler } from 'landspout/websocket/topics';

const page = (token: string): string => `<!DOCTYPE html>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<title>Chat</title><link rel="icon" href="data:,"><style>pre { white-space: pre-wrap; overflow-wrap: anywhere }</style>
<form><input aria-label="Message" maxlength="500" required autofocus> <button>Send</button></form><pre></pre>
<script type="module">
  const [form, log] = document.querySelectorAll('form, pre');
  const source = new EventSource('/live?topic=room&last=50');
  source.onmessage = ({ data }) => log.prepend(JSON.parse(data) + '\\n');
  source.addEventListener('gap', () => log.prepend('(messages are missing)\\n'));
  form.onsubmit = async (event) => {
    event.preventDefault();
    const body = JSON.stringify({ data: form[0].value });
    const headers = { 'Content-Type': 'application/json', 'X-XSRFToken': '${token}' };
    if ((await fetch('/live?topic=room', { method: 'POST', headers, body })).ok) form.reset();
  };
</script>`;

class Page extends RequestHandler {
  override get(): void {
    this.write(page(this.xsrfToken));
  }
}

const [, , port = process.env.PORT ?? 8888, folder = 'topic-chat-journal'] = process.argv;
const topics = new Topics({ backplane: await JournalBackplane.open({ folder }), maxRecordBytes: 4096 });

class Live extends TopicHandler {
  override readonly topics = topics;
  override authorize({ action, topic }: TopicAuthorization): boolean {
    return topic === 'room' && (action === 'subscribe' || action === 'publish');
  }
}

const app = new Application([route('/', Page), route('/live', Live)], { xsrfCookies: true });
const server = await app.listen({ port, host: '127.0.0.1' });
server.stopOnSignals().stopped.then(() => topics.backplane.close());
console.log(`listening on ${server.url}`);

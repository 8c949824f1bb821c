// The Hono application that every row with a Fetch handler serves.
import { Hono } from 'hono';
import { settings } from '../../program.mjs';
import { CHUNK, CHUNKS, STREAM_TYPE } from './stream-body.mjs';

/** One chunk for each read, so that the server decides when the next one is made. */
function chunks() {
  let left = CHUNKS;
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(CHUNK);
      left -= 1;
      if (left === 0) controller.close();
    },
  });
}

export const app = new Hono();
app.get('/', (c) => c.text('Hello, world!'));
app.get('/json', (c) => c.json(settings.value));
app.get('/users/:id/posts', (c) => c.text(`user ${c.req.param('id')}, page ${c.req.query('page')}`));
app.post('/body', async (c) => c.text(String((await c.req.text()).length)));
app.get('/stream', (c) => c.body(chunks(), 200, { 'Content-Type': STREAM_TYPE }));

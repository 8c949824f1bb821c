// The Express application that every row with a Node handler serves.
import { Readable } from 'node:stream';
import express from 'express';
import { settings } from '../../program.mjs';
import { CHUNK, CHUNKS, STREAM_TYPE } from './stream-body.mjs';

/** One chunk for each read, so that the server decides when the next one is made. */
function chunks() {
  let left = CHUNKS;
  return new Readable({
    read() {
      left -= 1;
      this.push(left < 0 ? null : CHUNK);
    },
  });
}

export const app = express().disable('x-powered-by').disable('etag');
app.get('/', (_request, response) => response.type('text/plain').send('Hello, world!'));
app.get('/json', (_request, response) => response.json(settings.value));
app.get('/users/:id/posts', ({ params, query }, response) =>
  response.type('text/plain').send(`user ${params.id}, page ${query.page}`),
);
app.post('/body', express.text(), ({ body }, response) =>
  response.type('text/plain').send(String(body.length)),
);
app.get('/stream', (_request, response) => chunks().pipe(response.type(STREAM_TYPE)));

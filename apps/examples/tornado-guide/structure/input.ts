// Input: arguments of the query and of forms, lists, files, and JSON.
import { Application, HTTPError, RequestHandler } from 'landspout';
import { z } from 'zod';

const FORM =
  '<form action="/message" method="post"><input name="message">' +
  '<input type="checkbox" name="to" value="all"><button>Send</button></form>';

class Search extends RequestHandler {
  override get(): void {
    const words = this.getQueryArgument('q');
    const page = Number(this.getQueryArgument('page', '1'));
    if (!Number.isInteger(page)) throw new HTTPError(400);
    this.write({ words, page, tags: this.getQueryArguments('tag') });
  }
}

class Message extends RequestHandler {
  override get(): void {
    this.write(FORM);
  }

  override post(): void {
    this.setHeader('Content-Type', 'text/plain; charset=UTF-8');
    const message = this.getBodyArgument('message');
    this.write(`to ${this.getBodyArguments('to').length}: ${message}`);
  }
}

class Upload extends RequestHandler {
  override post(): void {
    const files = this.files.get('file') ?? [];
    this.write({ files: files.map(({ filename, body }) => [filename, body.byteLength]) });
  }
}

const Note = z.object({ text: z.string() });

class Notes extends RequestHandler {
  override post(): void {
    const note = this.parse(Note); // 415, 400 or 422 if it is no JSON, or does not fit
    this.setStatus(201);
    this.write({ text: note.text.trim() });
  }
}

const app = new Application([
  ['/search', Search],
  ['/message', Message],
  ['/upload', Upload],
  ['/notes', Notes],
]);

const server = await app.listen({ port: process.env.PORT ?? 8888, host: '127.0.0.1' });
console.log(`listening on ${server.url}`);

// Receives files in two ways. POST /form receives a form whose files are small enough for memory. PUT /files/NAME
// receives one file of any size, which is saved in a folder while it arrives, no faster than the disk can write.
// Run: node file-receiver.ts [port] [folder]. By default, a new folder is created.
// Then: curl -F file=@one.txt -F file=@two.txt http://127.0.0.1:8888/form, or curl -T large.iso
// http://127.0.0.1:8888/files/
import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Application, HTTPError, RequestHandler, route, saveTo } from 'landspout';

const [, , port = process.env.PORT ?? 8888, folder = mkdtempSync(path.join(tmpdir(), 'files-'))] =
  process.argv;

class Form extends RequestHandler {
  override post(): void {
    const files = [...this.files.values()].flat();
    if (files.length === 0) throw new HTTPError(400, undefined, { detail: 'The form has no file.' });
    const list = files.map(({ filename, contentType, body }) => ({
      filename,
      contentType,
      bytes: body.length,
    }));
    this.writeJson(list);
  }
}

class Streamed extends RequestHandler<'/files/:name'> {
  static override readonly streamRequestBody = true;
  static override readonly supportedMethods = ['PUT', 'OPTIONS'];
  // The client chose the name in the path, so the file is saved under a different one.
  #file = saveTo(path.join(folder, randomUUID()));
  #isComplete = false;

  override dataReceived(chunk: Uint8Array): Promise<void> {
    return this.#file.write(chunk); // nothing more is read until this chunk is written
  }

  override async put(): Promise<void> {
    await this.#file.close();
    this.#isComplete = true;
    const { path: savedAs = '', bytesWritten: bytes } = this.#file;
    this.setStatus(201);
    this.write({ name: this.pathParams.name, savedAs, bytes });
  }

  /** Also called if the client has disconnected or the disk is full. */
  override async onFinish(): Promise<void> {
    if (!this.#isComplete) await this.#file.abort();
  }
}

const app = new Application([
  route('/form', Form, {}, { maxBodyBytes: 10 * 2 ** 20 }),
  route('/files/:name', Streamed, {}, { maxBodyBytes: 4 * 2 ** 30, bodyTimeoutMs: 3_600_000 }),
]);
const server = await app.listen({ port, host: '127.0.0.1' });
console.log(`listening on ${server.url}, saving in ${folder}`);

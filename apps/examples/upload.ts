// A page that uploads files and shows the progress. Files of any size are saved in a folder while they arrive, no
// faster than the disk can write.
// Run: node upload.ts [port] [folder], then open the URL that it prints. By default, a new folder is created.
import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Application, MultipartReader, RequestHandler, route, saveTo } from 'landspout';

const [, , port = process.env.PORT ?? 8888, folder = mkdtempSync(path.join(tmpdir(), 'upload-'))] =
  process.argv;

const page = (token: string): string => `<!DOCTYPE html>
<html lang="en"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<title>Upload</title>
<style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:10vh auto;padding:0 1rem;overflow-wrap:anywhere}
form>:not([hidden]){display:block;margin:1rem 0}form *{font:inherit;max-width:100%}progress{width:100%}</style>
<h1>Upload</h1>
<form><label>Files <input type="file" name="file" multiple required></label><button>Upload</button>
<progress value="0" hidden></progress><output></output></form>
<script type="module">
  const form = document.querySelector('form');
  const [button, progress, output] = form.querySelectorAll('button, progress, output');
  form.onsubmit = (event) => {
    event.preventDefault();
    const request = new XMLHttpRequest();
    request.open('POST', '/files');
    request.responseType = 'json';
    request.setRequestHeader('Accept', 'application/json');
    request.setRequestHeader('X-XSRFToken', '${token}'); // the form is not parsed before the request is let in
    request.upload.onprogress = ({ loaded, total }) => {
      progress.value = loaded / total;
      output.textContent = Math.round((100 * loaded) / total) + ' %';
    };
    request.onloadend = () => {
      const { saved, detail, title } = request.response ?? { title: request.statusText || 'The connection was lost.' };
      output.textContent = saved?.map(({ name, bytes }) => name + ': ' + bytes + ' bytes').join(', ') ?? detail ?? title;
      progress.hidden = !(button.disabled = false);
    };
    progress.hidden = !(button.disabled = true);
    request.send(new FormData(form));
  };
</script>
`;

class Page extends RequestHandler {
  override get(): void {
    this.write(page(this.xsrfToken));
  }
}

class Files extends RequestHandler {
  static override readonly streamRequestBody = true;
  #form!: MultipartReader;

  override prepare(): void {
    this.#form = new MultipartReader(this.request.headers, {
      signal: this.signal,
      // The client chose the name in the form, so the file is saved under a different one.
      onPart: ({ filename }) =>
        filename === undefined ? undefined : saveTo(path.join(folder, randomUUID())),
    });
  }

  override dataReceived(chunk: Uint8Array): void | Promise<void> {
    return this.#form.write(chunk);
  }

  override async post(): Promise<void> {
    const { files } = await this.#form.finish();
    const saved = [...files.values()]
      .flat()
      .map(({ safeName, byteLength }) => ({ name: safeName, bytes: byteLength }));
    this.write({ saved });
  }
}

const app = new Application(
  [route('/', Page), route('/files', Files, {}, { maxBodyBytes: 4 * 2 ** 30, bodyTimeoutMs: 3_600_000 })],
  { xsrfCookies: true },
);
const server = await app.listen({ port, host: '127.0.0.1' });
console.log(`listening on ${server.url}, saving in ${folder}`);

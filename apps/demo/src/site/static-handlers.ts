import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { html, RequestHandler, StaticFileHandler } from 'landspout';

/** Serves the scripts, styles and images of the pages. */
export class AssetHandler extends StaticFileHandler {
  override setDefaultHeaders(): void {
    // Revalidate each time, so that a page never runs with an outdated script; the usual response is a 304.
    this.setHeader('Cache-Control', 'no-cache');
  }
}

/** Serves the source files of the demo, to be read. */
export class SourceHandler extends AssetHandler {
  override getContentType(): string {
    return 'text/plain; charset=utf-8';
  }
}

/** Lists the source files. */
export class SourceListHandler extends RequestHandler {
  #files: readonly string[] = [];

  override initialize(init: { readonly files: readonly string[] }): void {
    this.#files = init.files;
  }

  override async get(): Promise<void> {
    await this.render(html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Source of the demo</title>
    <link rel="icon" href="/static/favicon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/static/style.css">
    <link rel="stylesheet" href="/static/response.css">
  </head>
  <body>
    <main class="sheet">
      <h1>Source of the demo</h1>
      <p class="lead">In the repository, these files are in <code>apps/demo/src</code>. <a href="/">Back to the chat</a></p>
      <ul class="files">${this.#files.map((file) => html`<li><a href="/source/${file}">${file}</a></li>`)}</ul>
    </main>
  </body>
</html>
`);
  }
}

/** The files of a folder and of those in it, as paths relative to it, without tests. */
export async function sourceFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.includes('.test.'))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EtaEngine, type EtaEngineOptions } from '../../src/eta/index.ts';
import type { TemplateError } from '../../src/templates/template-error.ts';

/** Templates by name below the views folder, such as `pages/home.eta`. */
export type Files = Readonly<Record<string, string>>;

/** A folder of templates, which is removed when the variable goes out of scope. */
export class Views {
  readonly folder: string = realpathSync(mkdtempSync(path.join(tmpdir(), 'views-')));

  constructor(files: Files = {}) {
    this.write(files);
  }

  write(files: Files): this {
    for (const [name, text] of Object.entries(files)) {
      const file = this.path(name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
    return this;
  }

  path(name: string): string {
    return path.join(this.folder, name);
  }

  remove(name: string): void {
    rmSync(this.path(name));
  }

  engine(options: EtaEngineOptions = {}): EtaEngine {
    return new EtaEngine({ views: this.folder, ...options });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Renders `page.eta` of a folder with these templates. */
export function rendered(
  files: Files | string,
  namespace: object = {},
  options: EtaEngineOptions = {},
): string | Promise<string> {
  const views = new Views(typeof files === 'string' ? { 'page.eta': files } : files);
  let result: string | Promise<string> = '';
  try {
    result = views.engine(options).render('page', namespace);
  } finally {
    if (typeof result === 'string') views[Symbol.dispose]();
  }
  return typeof result === 'string' ? result : result.finally(() => views[Symbol.dispose]());
}

/** The error of `page.eta` of a folder with these templates. */
export async function failure(files: Files | string, namespace: object = {}): Promise<TemplateError> {
  try {
    await rendered(files, namespace);
  } catch (error) {
    return error as TemplateError;
  }
  throw new Error('the template did not fail');
}

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A folder of catalogues, which is removed when the variable goes out of scope. */
export class CatalogueFolder {
  readonly path: string = mkdtempSync(path.join(tmpdir(), 'landspout-catalogues-'));

  /** @param files - by name; text is written as UTF-8. */
  constructor(files: Readonly<Record<string, string | Uint8Array>>) {
    for (const [name, content] of Object.entries(files)) {
      const file = this.file(name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, content);
    }
  }

  file(name: string): string {
    return path.join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

// Copies what the programs read beside their code: templates and static files.
import { cpSync } from 'node:fs';

for (const folder of ['blog/views', 'blog/static', 'chat/static']) {
  cpSync(new URL(folder, import.meta.url), new URL(`dist/${folder}`, import.meta.url), { recursive: true });
}

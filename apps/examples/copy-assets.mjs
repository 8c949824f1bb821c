// Copies what the programs read beside their code: templates and static files.
import { cpSync } from 'node:fs';

const GUIDE = ['templates/views', 'templates/static', 'templates/locale', 'running/public'].map(
  (name) => `tornado-guide/${name}`,
);

for (const folder of ['blog/views', 'blog/static', 'chat/static', ...GUIDE]) {
  cpSync(new URL(folder, import.meta.url), new URL(`dist/${folder}`, import.meta.url), { recursive: true });
}

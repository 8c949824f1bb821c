// `pnpm check:layers [folder]`: says what breaks the order of the layers, and fails when anything does.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkLayers } from './check-layers.mjs';
import { LAYERS } from './layers.mjs';
import { ROOMS } from './rooms.mjs';

const root = path.resolve(process.argv[2] ?? fileURLToPath(new URL('../..', import.meta.url)));
const problems = checkLayers(root, process.argv[2] === undefined ? ROOMS : {});
for (const { rule, where, message } of problems) console.error(`${where}: ${message} [${rule}]`);
const order = LAYERS.map((names) => names.join(' | ')).join(' < ');
console.log(problems.length === 0 ? `layers hold: ${order}` : `${problems.length} breaks of ${order}`);
process.exitCode = problems.length === 0 ? 0 : 1;

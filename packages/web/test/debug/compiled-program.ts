import { execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'tsup';

/** A program that was compiled into a temporary folder. */
export interface CompiledProgram {
  /** The compiled file, a CommonJS module with the function `run`, which throws. */
  readonly file: string;
  /** The TypeScript file. */
  readonly source: string;
  /** The line of the source that throws. */
  readonly throwLine: number;
}

const SOURCE = `// Types vanish, so that the lines of the compiled file are others.
interface User {
  readonly name: string;
  readonly age: number;
}

type Users = readonly User[];

function find(user: User): never {
  throw new Error(\`no user \${user.name}\`);
}

export function run(users: Users = [{ name: 'Ada', age: 36 }]): void {
  for (const user of users) find(user);
}
`;
const THROW_LINE = SOURCE.slice(0, SOURCE.indexOf('throw new')).split('\n').length;

function sourceIn(folder: string): string {
  const source = join(mkdtempSync(join(folder, 'program-')), 'program.ts');
  writeFileSync(source, SOURCE);
  return source;
}

export async function compileWithTsc(folder: string, inline: boolean): Promise<CompiledProgram> {
  const source = sourceIn(folder);
  const outDir = join(dirname(source), 'dist');
  const map = inline ? '--inlineSourceMap' : '--sourceMap';
  const options = [
    '--module',
    'commonjs',
    '--target',
    'es2022',
    '--types',
    '',
    '--ignoreConfig',
    '--noCheck',
    '--lib',
    'es2022',
    map,
  ];
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  await promisify(execFile)(process.execPath, [tsc, ...options, '--outDir', outDir, source]);
  return { file: join(outDir, 'program.js'), source, throwLine: THROW_LINE };
}

/** tsup is esbuild, with its options. */
export async function compileWithTsup(folder: string, inline: boolean): Promise<CompiledProgram> {
  const source = sourceIn(folder);
  const outDir = join(dirname(source), 'dist');
  await build({
    entry: [source],
    outDir,
    format: 'cjs',
    sourcemap: inline ? 'inline' : true,
    minify: true,
    silent: true,
    config: false,
    keepNames: true,
    outExtension: () => ({ js: '.cjs' }),
  });
  return { file: join(outDir, 'program.cjs'), source, throwLine: THROW_LINE };
}

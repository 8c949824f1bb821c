import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** What is used of esbuild, which comes with tsup. */
interface Bundler {
  build(options: object): Promise<{
    readonly outputFiles: readonly { readonly text: string }[];
    readonly metafile: {
      readonly inputs: Readonly<Record<string, { readonly imports: readonly { readonly path: string }[] }>>;
    };
  }>;
}

/** The room under test. */
export const ROOM = fileURLToPath(new URL('../../src/browser/', import.meta.url));

/** Bundles and minifies a module that exports something of the room, as the build of a web application does. */
export async function bundled(names: string) {
  const tsup = createRequire(import.meta.url).resolve('tsup');
  const { build } = createRequire(tsup)('esbuild') as Bundler;
  const { outputFiles, metafile } = await build({
    stdin: { contents: `export { ${names} } from './index.ts'`, resolveDir: ROOM, loader: 'ts' },
    absWorkingDir: ROOM,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  const files = Object.keys(metafile.inputs).filter((file) => file !== '<stdin>');
  return { code: outputFiles[0]?.text ?? '', files: files.map((file) => path.posix.normalize(file)) };
}

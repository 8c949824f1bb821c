import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** For this user only: messages, and the secret that signs passes. */
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const SECRET_BYTES = 32;

/** The folder in which the demo keeps what outlives a restart. */
export interface DataFolder {
  readonly path: string;
  readonly journal: string;
  /** Signs the passes of visitors. Made once, so that passes are valid after a restart. */
  readonly secret: string;
  /** Removes the folder if no later process could find it. Can be called when the process exits. */
  dispose(): void;
}

/** What chooses the folder. */
export interface DataFolderOptions {
  /** Chosen by the user. */
  readonly data: string | undefined;
  readonly port: number;
  readonly redis?: URL | undefined;
}

/**
 * Opens the folder; makes it if there is none. The default is one of this user in the system's folder for temporary
 * files: for a port, so that a restart finds it and two demos do not share one, and a new one for port 0; for a Redis
 * server, so that all demos which share rooms also share passes.
 */
export async function openDataFolder({ data, port, redis }: DataFolderOptions): Promise<DataFolder> {
  const isNew = data === undefined && port === 0 && redis === undefined;
  const path = isNew
    ? await mkdtemp(join(tmpdir(), 'landspout-demo-'))
    : (data ?? defaultFolder(redis === undefined ? `${port}` : nameOf(redis)));
  await mkdir(path, { recursive: true, mode: FOLDER_MODE });
  if (data === undefined) await requireOwn(path);
  const dispose = () => {
    if (isNew) rmSync(path, { recursive: true, force: true });
  };
  return { path, journal: join(path, 'journal'), secret: await openSecret(join(path, 'secret')), dispose };
}

function defaultFolder(purpose: string): string {
  return join(tmpdir(), `landspout-demo-${process.getuid?.()}-${purpose}`);
}

/** A name for the folder of a Redis server, without its password. */
function nameOf({ host, pathname }: URL): string {
  return `redis-${encodeURIComponent(host + pathname)}`;
}

/** Other users of the machine can make folders in the system's folder too, and must not choose our secret. */
async function requireOwn(path: string): Promise<void> {
  const { uid } = await lstat(path);
  if (uid === process.getuid?.()) return;
  throw new Error(`${path} belongs to another user: choose another folder with --data`);
}

async function openSecret(path: string): Promise<string> {
  try {
    // `wx` fails if the file is there: then it has the secret.
    const secret = randomBytes(SECRET_BYTES).toString('base64');
    await writeFile(path, secret, { flag: 'wx', mode: FILE_MODE });
    return secret;
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== 'EEXIST') throw error;
    return await readFile(path, 'utf8');
  }
}

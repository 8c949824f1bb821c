import { randomBytes } from 'node:crypto';
import { lstat, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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
  /** Removes the folder if no later process could find it. */
  dispose(): Promise<void>;
}

/**
 * Opens the folder; makes it if there is none.
 *
 * @param given - chosen by the user. Default: a folder of this user and this port in the system's folder for temporary
 *   files, so that a restart finds it and two demos do not share one; for port 0, a new one.
 */
export async function openDataFolder(given: string | undefined, port: number): Promise<DataFolder> {
  const isNew = given === undefined && port === 0;
  const path = isNew ? await mkdtemp(join(tmpdir(), 'landspout-demo-')) : (given ?? defaultFolder(port));
  await mkdir(path, { recursive: true, mode: FOLDER_MODE });
  if (given === undefined) await requireOwn(path);
  const dispose = async () => {
    if (isNew) await rm(path, { recursive: true, force: true });
  };
  return { path, journal: join(path, 'journal'), secret: await openSecret(join(path, 'secret')), dispose };
}

function defaultFolder(port: number): string {
  return join(tmpdir(), `landspout-demo-${process.getuid?.()}-${port}`);
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

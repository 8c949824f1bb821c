import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

/** Parameters of scrypt that take 16 MiB and a fraction of a second (OWASP's Password Storage Cheat Sheet). */
const COST = { N: 2 ** 14, r: 8, p: 5 } as const satisfies ScryptOptions;
const SALT_BYTES = 16;
const KEY_BYTES = 32;

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/** Hashes a password with a new salt, as text for {@link isPassword}: `scrypt$salt$key`, in base64. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const key = await derive(password.normalize('NFKC'), salt, KEY_BYTES, COST);
  return `scrypt$${salt.toString('base64')}$${key.toString('base64')}`;
}

/**
 * Whether the password is the one that was hashed.
 *
 * @param hash - undefined if there is no such account. It takes the same time, so that the time does not tell.
 */
export async function isPassword(password: string, hash: string | undefined): Promise<boolean> {
  const [, salt = '', key = ''] = hash?.split('$') ?? [];
  const known = hash === undefined ? randomBytes(KEY_BYTES) : Buffer.from(key, 'base64');
  const given = await derive(password.normalize('NFKC'), Buffer.from(salt, 'base64'), KEY_BYTES, COST);
  return known.length === KEY_BYTES && timingSafeEqual(given, known) && hash !== undefined;
}

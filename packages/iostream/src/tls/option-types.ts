import { shownValue } from '@landspout/ioloop/errors';
import { isSecureContext } from './node-tls-adapter.ts';

/** The values that an option accepts. */
interface OptionType {
  /** Follows `must be`. */
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
  /** Whether a value of another type may be a secret too, so that messages must not contain it. */
  readonly isSecret?: true;
}

const isText = (value: unknown): boolean => typeof value === 'string';
const isPem = (value: unknown): boolean => typeof value === 'string' || value instanceof Uint8Array;

const PATH: OptionType = {
  expected: 'the path of a file',
  accepts: (value) => isText(value) && value !== '',
};
const PEM: OptionType = { expected: 'PEM text, as a string or Buffer', accepts: isPem, isSecret: true };
const PEM_LIST: OptionType = {
  expected: 'PEM text, as a string or Buffer, or a list of these',
  accepts: (value) => isPem(value) || (Array.isArray(value) && value.every(isPem)),
  isSecret: true,
};
const TEXT: OptionType = { expected: 'a string', accepts: isText };
const TEXT_LIST: OptionType = {
  expected: 'a list of strings',
  accepts: (value) => Array.isArray(value) && value.every(isText),
};
const BOOLEAN: OptionType = { expected: 'true or false', accepts: (value) => typeof value === 'boolean' };

/** Options whose values have checks of their own are not listed. */
const TYPES: Readonly<Record<string, OptionType>> = {
  certFile: PATH,
  keyFile: PATH,
  caFile: PATH,
  crlFile: PATH,
  ticketKeysFile: PATH,
  cert: PEM,
  key: PEM,
  ca: PEM_LIST,
  crl: PEM_LIST,
  passphrase: { ...TEXT, isSecret: true },
  ticketKeys: {
    expected: 'a Buffer or Uint8Array of 48 bytes',
    accepts: (value) => value instanceof Uint8Array,
    isSecret: true,
  },
  alpnProtocols: TEXT_LIST,
  names: TEXT_LIST,
  ciphers: TEXT,
  rejectUnauthorized: BOOLEAN,
  requestCert: BOOLEAN,
  certificates: { expected: 'a list of certificates', accepts: Array.isArray },
  secureContext: {
    expected: 'made by tls.createSecureContext',
    accepts: (value) => isSecureContext(value as object),
  },
};

/** What to do about options of node:tls that have no counterpart of the same name. */
const REMEDIES: Readonly<Record<string, string>> = {
  pfx: 'convert the file to PEM, such as with openssl pkcs12, and set certFile and keyFile',
  SNICallback: 'set certificates, each with its names; server.reloadTls replaces them later',
  secureOptions: 'set minVersion, maxVersion and ciphers',
  secureProtocol: 'set minVersion and maxVersion',
  ecdhCurve: 'set tls.DEFAULT_ECDH_CURVE of Node before',
  honorCipherOrder: 'servers always use the order of their own ciphers',
  checkServerIdentity: 'set servername to the name that the certificate must have',
  dhparam: 'only ECDHE is used',
  enableTrace: 'set keyLog, and decrypt recorded connections',
};

/** Text with a key or a certificate, which must not be shown: PEM, other lines, or DER in base64. */
const PEM_OR_DER = /-----BEGIN |[\r\n]|^M[A-Za-z0-9+/]{63,}={0,2}$/;

/**
 * Describes the first of the options that has a value of the wrong type. The values of secrets are not shown.
 *
 * @returns the end of a message; `undefined` if all types are right.
 */
export function typeProblem(options: object): string | undefined {
  for (const [name, type] of Object.entries(TYPES)) {
    const value = (options as Readonly<Record<string, unknown>>)[name];
    if (value === undefined) continue;
    if (type === PATH && isPem(value) && PEM_OR_DER.test(String(value))) return pemForPath(name);
    if (!type.accepts(value)) return wrongType(name, type, value);
  }
  return undefined;
}

/** Describes an option of node:tls that has no counterpart of the same name; `undefined` if there is none. */
export function nodeTlsProblem(options: object): string | undefined {
  for (const [name, remedy] of Object.entries(REMEDIES)) {
    if ((options as Readonly<Record<string, unknown>>)[name] !== undefined)
      return `unknown option "${name}": ${remedy}`;
  }
  return undefined;
}

/** The name of a file was expected. */
function pemForPath(name: string): string {
  const inMemory = name.slice(0, -'File'.length);
  return name === 'ticketKeysFile'
    ? `${name} must be the path of a file; to pass the bytes, set ${inMemory}`
    : `${name} must be the path of a file, but has PEM text; to pass text, set ${inMemory}`;
}

function wrongType(name: string, { expected, isSecret }: OptionType, value: unknown): string {
  const given = isSecret && typeof value !== 'object' ? `a ${typeof value}` : shownValue(value);
  const isList = name === 'cert' && Array.isArray(value);
  const remedy = isList ? '; for several certificates, set certificates' : '';
  return `${name} must be ${expected}, got ${given}${remedy}`;
}

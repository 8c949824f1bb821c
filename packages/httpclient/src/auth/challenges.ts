// The auth/ folder holds what a client needs to authenticate its requests: the parser of challenges, basic and digest
// credentials, and what is remembered for later requests. It does no I/O, and does not decide when to send a request
// again.

import type { OptionNames } from '@landspout/ioloop/errors';
import { clientChecks } from '../request/usage.ts';
import { FieldScanner } from './field-scanner.ts';

/** One challenge of a WWW-Authenticate or Proxy-Authenticate field (RFC 9110 §11.3). */
export interface Challenge {
  /** The name of the scheme in lower case, such as `digest`. */
  readonly scheme: string;
  /** The token68 of schemes such as Negotiate, instead of parameters. */
  readonly token68: string | undefined;
  /** The parameters without quotation marks and escapes, by name in lower case. One character stands for one byte. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** The limits of challenges. A field that exceeds one is ignored, like a malformed field. */
export interface ChallengeLimits {
  /** Maximum length of one field, in bytes. Default: 8 KiB, because we send part of it back. */
  readonly maxFieldBytes: number;
  /** Maximum number of challenges of one response. Default: 32. */
  readonly maxChallenges: number;
  /** Maximum number of parameters of one challenge. Default: 32. Digest has nine. */
  readonly maxParameters: number;
}

const DEFAULT_CHALLENGE_LIMITS: ChallengeLimits = Object.freeze({
  maxFieldBytes: 8 * 1024,
  maxChallenges: 32,
  maxParameters: 32,
});

const LIMIT_NAMES: OptionNames<ChallengeLimits> = {
  maxFieldBytes: true,
  maxChallenges: true,
  maxParameters: true,
};

/** A challenge that is still being read. */
interface OpenChallenge {
  readonly scheme: string;
  token68: string | undefined;
  readonly parameters: Map<string, string>;
}

/**
 * Parses all challenges of a response. Never throws because of what the peer sent: a field that is malformed or exceeds
 * a limit is left out as a whole, and the other fields are used. Takes time linear in the length.
 *
 * @param fields - the values of WWW-Authenticate, or of Proxy-Authenticate. Each may have several challenges.
 * @returns the challenges, in order.
 * @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE` if a limit is unknown, or is not a whole number of 0 or more.
 */
export function parseChallenges(
  fields: readonly string[],
  limits: Partial<ChallengeLimits> = DEFAULT_CHALLENGE_LIMITS,
): Challenge[] {
  const resolved = resolveLimits(limits);
  const challenges: Challenge[] = [];
  for (const field of fields) {
    const more = parseField(field, resolved);
    if (more === undefined || challenges.length + more.length > resolved.maxChallenges) continue;
    for (const challenge of more) challenges.push(challenge);
  }
  return challenges;
}

/**
 * Parses a field that is a list of parameters, such as Authentication-Info (RFC 7615 §3).
 *
 * @returns the parameters by name in lower case; `undefined` if the field is malformed or exceeds a limit.
 */
export function parseParameterField(
  field: string,
  limits: ChallengeLimits = DEFAULT_CHALLENGE_LIMITS,
): ReadonlyMap<string, string> | undefined {
  if (field.length > limits.maxFieldBytes) return undefined;
  const scanner = new FieldScanner(field);
  const parameters = new Map<string, string>();
  while (scanner.nextElement()) {
    const name = scanner.token();
    scanner.skipBlanks();
    if (!scanner.acceptEquals() || !readParameter(scanner, name, parameters, limits)) return undefined;
  }
  return parameters;
}

/**
 * The list of challenges and the lists of their parameters both use commas, so the kind of an element is known only
 * from its beginning: `name =` continues the challenge, anything else starts a new one.
 */
function parseField(field: string, limits: ChallengeLimits): Challenge[] | undefined {
  if (field.length > limits.maxFieldBytes) return undefined;
  const scanner = new FieldScanner(field);
  const challenges: Challenge[] = [];
  let current: OpenChallenge | undefined;
  while (scanner.nextElement()) {
    const word = scanner.token();
    if (word === '') return undefined;
    const isSpaced = scanner.skipBlanks();
    if (scanner.acceptEquals()) {
      // Only a challenge that has a parameter already can be continued.
      if (current === undefined || current.parameters.size === 0) return undefined;
      if (!readParameter(scanner, word, current.parameters, limits)) return undefined;
      continue;
    }
    current = {
      scheme: word.toLowerCase(),
      token68: undefined,
      parameters: new Map(),
    };
    challenges.push(current);
    if (challenges.length > limits.maxChallenges) return undefined;
    if (scanner.isElementEnd()) continue;
    if (!isSpaced) return undefined;
    current.token68 = scanner.token68();
    if (current.token68 !== undefined) continue;
    const name = scanner.token();
    scanner.skipBlanks();
    if (!scanner.acceptEquals() || !readParameter(scanner, name, current.parameters, limits))
      return undefined;
  }
  return challenges;
}

/** Reads the value of a parameter after its equals sign. @returns whether it is valid, and the last of its element. */
function readParameter(
  scanner: FieldScanner,
  name: string,
  parameters: Map<string, string>,
  limits: ChallengeLimits,
): boolean {
  scanner.skipBlanks();
  const value = scanner.value();
  if (name === '' || value === undefined || !scanner.isElementEnd()) return false;
  const key = name.toLowerCase();
  // RFC 9110 §11.2: a name occurs only once. Recipients would not agree on which of two values is meant.
  if (parameters.has(key) || parameters.size >= limits.maxParameters) return false;
  parameters.set(key, value);
  return true;
}

function resolveLimits(limits: Partial<ChallengeLimits>): ChallengeLimits {
  if (limits === DEFAULT_CHALLENGE_LIMITS) return DEFAULT_CHALLENGE_LIMITS;
  clientChecks.options('parseChallenges', limits, LIMIT_NAMES);
  const resolved = {
    maxFieldBytes: limits.maxFieldBytes ?? DEFAULT_CHALLENGE_LIMITS.maxFieldBytes,
    maxChallenges: limits.maxChallenges ?? DEFAULT_CHALLENGE_LIMITS.maxChallenges,
    maxParameters: limits.maxParameters ?? DEFAULT_CHALLENGE_LIMITS.maxParameters,
  };
  for (const [name, value] of Object.entries(resolved))
    clientChecks.wholeNumber('parseChallenges', name, value);
  return resolved;
}

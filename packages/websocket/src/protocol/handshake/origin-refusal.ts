import { shownText, shownValue } from '@landspout/ioloop/errors';

/**
 * Explains, for the log and the response, which origin was refused and how to allow it. Text from the client is quoted,
 * escaped and clipped.
 *
 * @param answer - what `checkOrigin` returned instead of `true`.
 * @param own - what the default check compared the origin with: the origins of this site, or the host of the request;
 *   undefined if `checkOrigin` is overridden.
 */
export function originRefusal(
  origin: string,
  answer: unknown,
  own: readonly string[] | string | undefined,
): string {
  const refused = `the origin ${shownText(origin)} may not open a WebSocket here`;
  if (own === undefined) {
    const shown = answer === false ? '' : `, but ${shownValue(answer)}`;
    return `${refused}: checkOrigin did not return true${shown}`;
  }
  if (typeof own === 'string') {
    return `${refused}: it does not match the host of the request, ${shownText(own)}; add it to allowedOrigins, or set publicOrigin`;
  }
  const origins = own.map((one) => shownText(one)).join(' or ');
  return `${refused}: this site is ${origins || 'unknown'}; see publicOrigin, or add it to allowedOrigins`;
}

import { onAbort } from '@landspout/ioloop/reactor';

/**
 * Waits for a result no longer than until the signal is aborted: then it rejects with the reason.
 *
 * @param late - called with a result that comes after that, to undo it. Must not throw.
 */
export function orAborted<Result>(
  result: Promise<Result>,
  signal: AbortSignal | undefined,
  late: (result: Result) => void = () => {},
): Promise<Result> {
  if (signal === undefined) return result;
  return new Promise((resolve, reject) => {
    let isAborted = false;
    const forget = onAbort(signal, (reason) => {
      isAborted = true;
      reject(reason);
    });
    result.then(
      (value) => {
        forget();
        if (isAborted) late(value);
        else resolve(value);
      },
      (error: unknown) => {
        forget();
        reject(error);
      },
    );
  });
}

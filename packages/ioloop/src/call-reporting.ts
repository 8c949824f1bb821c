/** Calls `callback`, and tells `report` what it throws or rejects with. `undefined` for no arguments costs least. */
export function callReporting(
  callback: (...args: never[]) => unknown,
  args: readonly unknown[] | undefined,
  report: (error: unknown) => void,
): void {
  try {
    const result = args === undefined ? callback() : callback(...(args as never[]));
    if (result instanceof Promise) result.catch(report);
  } catch (error) {
    report(error);
  }
}

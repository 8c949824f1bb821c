let flush = (): void => {};

/** Sets what {@link flushReports} calls. */
export function setFlush(reports: () => void): void {
  flush = reports;
}

/** Sends the reports about all modules that have been loaded so far, so that they arrive before the next message. */
export function flushReports(): void {
  flush();
}

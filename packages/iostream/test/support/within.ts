/** Waits for what an internal of Node is to bring. @throws an error that says which one failed, after ten seconds. */
export async function within<T>(waiting: Promise<T>, internal: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Node ${process.versions.node}: ${internal}`)), 10_000);
  });
  try {
    return await Promise.race([waiting, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Calls for each item, for some of them at the same time.
 *
 * @param count - how many.
 * @throws the first error. No more calls are made then.
 */
export async function inGroups<Item>(
  items: readonly Item[],
  count: number,
  call: (item: Item) => Promise<void>,
): Promise<void> {
  for (let at = 0; at < items.length; at += count) {
    await Promise.all(items.slice(at, at + count).map(call));
  }
}

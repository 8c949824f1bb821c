/**
 * What parent and child say to each other besides the messages of the program. They go by the same channel, and are
 * told from those by their one key.
 */
export type TaskMessage =
  /** Child: it can do its work, so that its predecessor may end. */
  | { readonly landspout: { readonly kind: 'ready' } }
  /** Parent: what does the child know of `topic`? */
  | { readonly landspout: { readonly kind: 'ask'; readonly id: number; readonly topic: string } }
  /** Child. */
  | { readonly landspout: { readonly kind: 'answer'; readonly id: number; readonly value: unknown } };

/** What one of ours carries; `undefined` for a message of the program. */
export function taskMessageOf(message: unknown): TaskMessage['landspout'] | undefined {
  if (typeof message !== 'object' || message === null || !('landspout' in message)) return undefined;
  const { landspout } = message as { readonly landspout: unknown };
  if (typeof landspout !== 'object' || landspout === null) return undefined;
  const { kind } = landspout as { readonly kind?: unknown };
  return kind === 'ready' || kind === 'ask' || kind === 'answer'
    ? (landspout as TaskMessage['landspout'])
    : undefined;
}

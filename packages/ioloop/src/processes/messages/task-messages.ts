/** What parent and child say to each other besides the messages of the program. */
export type TaskWord =
  /** Child: it can do its work, so that its predecessor may end. */
  | { readonly kind: 'ready' }
  /** Child: it could not listen, and may end because of that. */
  | { readonly kind: 'refused'; readonly message: string }
  /** Parent: what does the child know of `topic`? */
  | { readonly kind: 'ask'; readonly id: number; readonly topic: string }
  /** Child; without a value where it does not know. */
  | { readonly kind: 'answer'; readonly id: number; readonly value?: unknown };

/** How it is said: by the channel of the program's messages, from which it is told by its one key. */
export interface TaskMessage {
  readonly landspout: TaskWord;
}

const KINDS: ReadonlySet<unknown> = new Set<TaskWord['kind']>(['ready', 'refused', 'ask', 'answer']);

/** What one of ours says; `undefined` for a message of the program. */
export function taskWordOf(message: unknown): TaskWord | undefined {
  if (typeof message !== 'object' || message === null || !('landspout' in message)) return undefined;
  const { landspout } = message as { readonly landspout: unknown };
  if (typeof landspout !== 'object' || landspout === null) return undefined;
  const { kind } = landspout as { readonly kind?: unknown };
  return KINDS.has(kind) ? (landspout as TaskWord) : undefined;
}

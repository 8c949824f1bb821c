// What the parent of `landspout dev` and its child have in common: the configuration of the child, which is in a
// variable of its environment, and the messages of the child.

import { isMainThread } from 'node:worker_threads';

/** The variable with the {@link ChildConfig}. The child removes it, so that processes that it starts do not have it. */
export const CONFIG_VARIABLE = 'LANDSPOUT_DEV';

export interface ChildConfig {
  readonly parentPid: number;
  /** The absolute path of the module. */
  readonly entry: string;
  readonly host: string;
  readonly port: number;
  /** How long requests in progress may take after SIGTERM. */
  readonly drainMs: number;
  /** Whether files of installed packages are reported too. */
  readonly watchModules: boolean;
}

/** What the child reports. Other messages are those of the program, and are ignored. */
export type ChildMessage =
  /** A module was loaded from this file, or could not be because the file does not exist. */
  | { readonly landspoutDev: 'uses'; readonly file: string }
  | { readonly landspoutDev: 'serves'; readonly url: string; readonly port: number }
  /** The module has no default export. */
  | { readonly landspoutDev: 'program' }
  /** The port cannot be used. */
  | { readonly landspoutDev: 'refused'; readonly problem: string };

const send = process.send?.bind(process);

/** The configuration, if this process is the child of `landspout dev`. */
export const childConfig: ChildConfig | undefined = takeConfig();

/** Sends a message to the parent, and resolves when it is sent, or cannot be because the parent is gone. */
export function tellParent(message: ChildMessage): Promise<void> {
  return new Promise((resolve) => {
    if (send === undefined || !process.connected) resolve();
    else send(message, undefined, {}, () => resolve());
  });
}

export function isChildMessage(message: unknown): message is ChildMessage {
  return typeof message === 'object' && message !== null && 'landspoutDev' in message;
}

function takeConfig(): ChildConfig | undefined {
  const text = process.env[CONFIG_VARIABLE];
  if (text === undefined || !isMainThread || send === undefined) return undefined;
  delete process.env[CONFIG_VARIABLE];
  const config = JSON.parse(text) as ChildConfig;
  return config.parentPid === process.ppid ? config : undefined;
}

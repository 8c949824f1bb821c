/**
 * The one list of layers, lowest first. Packages of one row are siblings: they never import each other.
 *
 * A name is a folder under `packages/`. A package may import only packages of rows above its own in this list.
 *
 * @type {ReadonlyArray<ReadonlyArray<string>>}
 */
export const LAYERS = [
  ['ioloop'],
  ['iostream', 'options'],
  ['http1'],
  ['httpserver', 'httpclient'],
  ['web', 'topics'],
  ['websocket', 'topics-redis'],
  ['telemetry'],
  ['landspout'],
];

/** What a protocol floor may import beside itself. */
export const PROTOCOL_IMPORTS = ['node:buffer', '@landspout/ioloop/errors', '@landspout/ioloop/inspection'];

/**
 * State that a protocol floor keeps by itself, as `file#name`: what its callers cannot pass in.
 *
 * - Names of header fields that were checked: programs make `HTTPHeaders` anywhere, of no server or client.
 * - The buffer of an earlier text message: thousands of decoders share one, which none of them can know of.
 */
export const PROTOCOL_STATE = [
  'packages/http1/src/protocol/fields/header-names.ts#known',
  'packages/websocket/src/protocol/frames/message-assembly.ts#spare',
];

/** Source files that may import nothing but each other, because every protocol floor stands on them. */
export const PROTOCOL_BASES = [
  'packages/ioloop/src/argument-checks.ts',
  'packages/ioloop/src/errors.ts',
  'packages/ioloop/src/inspection.ts',
  'packages/ioloop/src/option-names.ts',
  'packages/ioloop/src/printable.ts',
  'packages/ioloop/src/shown-value.ts',
];

/** The npm name of the package in a folder: only the umbrella has no scope. */
export const packageName = (/** @type {string} */ folder) =>
  folder === 'landspout' ? folder : `@landspout/${folder}`;

/**
 * @typedef {object} Rooms
 * @property {readonly string[]} order
 * @property {ReadonlyArray<readonly string[]>} knownCycles - files that import each other, types counted, on purpose;
 *   among them a type may be imported from a room above.
 */

/**
 * The rooms of each package, lowest first: folders under its `src`, `.` for the files beside `index.ts`. A file imports
 * only from its own room and from rooms before it in the list; an `index.ts` is the door of a package or of a subpath,
 * and imports from all.
 *
 * @type {Readonly<Record<string, Rooms>>}
 */
export const ROOMS = {
  ioloop: {
    order: [
      '.',
      'locks',
      'queues',
      'coroutines',
      'executors',
      'watchdog',
      'reactor',
      'sockets',
      'loop',
      'processes/messages',
      'processes/launching',
      'processes/supervisor',
      'processes',
    ],
    knownCycles: [],
  },
  iostream: {
    order: [
      '.',
      'addresses',
      'transports',
      'proxy-protocol',
      'stream',
      'tls',
      'connecting',
      'listening',
      'server',
      'interop',
      'subprocess',
      'compliance',
    ],
    knownCycles: [['stream/io-stream.ts', 'stream/pipe.ts']],
  },
  http1: {
    order: [
      'protocol/grammar',
      'protocol/fields',
      'protocol/targets',
      'protocol/decoding',
      'protocol/encoding',
      'protocol/multipart',
      'protocol/event-stream',
      'protocol',
      '.',
      'content-coding',
      'connection',
      'connection/server',
      'connection/client',
    ],
    knownCycles: [],
  },
  httpserver: {
    order: ['stopping', 'forwarded', 'monitor', 'decompression', 'bodies', '.', 'calling', 'node', 'fetch'],
    knownCycles: [],
  },
  httpclient: {
    order: [
      'request',
      'auth',
      'response',
      '.',
      'proxy',
      'web-fetch',
      'pool',
      'event-source',
      'fetch',
      'connecting',
      'testing',
    ],
    knownCycles: [],
  },
  web: {
    order: [
      '.',
      'text',
      'html',
      'linkify',
      'entities',
      'request',
      'cookies',
      'debug-page',
      'response/compression',
      'response',
      'event-stream',
      'templates',
      'eta',
      'handler',
      'routing',
      'static',
      'mounting',
      'middleware',
      'application',
      'topics',
      'node',
      'testing',
    ],
    // A handler has its application, of that class, and the application finds and makes handlers.
    knownCycles: [
      [
        'application/application.ts',
        'application/passage.ts',
        'application/request-task.ts',
        'application/settings.ts',
        'handler/lifecycle.ts',
        'handler/page-renderer.ts',
        'handler/ready-made.ts',
        'handler/request-handler.ts',
        'handler/verbs.ts',
        'mounting/fallback-handler.ts',
        'routing/handler-check.ts',
        'routing/route.ts',
        'routing/router.ts',
        'routing/rule.ts',
        'static/static-file-handler.ts',
        'static/static-routes.ts',
      ],
    ],
  },
  websocket: {
    order: [
      'protocol',
      'protocol/closing',
      'protocol/frames',
      'protocol/handshake',
      'compression',
      'connection',
      'client',
      'web-socket',
      'handler',
      'topics',
      'fetch',
      'browser',
    ],
    knownCycles: [],
  },
  topics: {
    order: [
      '.',
      'backplane',
      'logs',
      'presence',
      'memory',
      'journal',
      'subscription',
      'topic',
      'runs',
      'compliance',
    ],
    knownCycles: [],
  },
  landspout: { order: ['.', 'cli'], knownCycles: [] },
};

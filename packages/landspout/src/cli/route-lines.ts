import { printable } from '@landspout/ioloop/errors';
import type { Application } from '@landspout/web';

type RouteDescription = ReturnType<Application['routeTable']>[number];

/** A route as `landspout routes --json` prints it. */
export interface PrintedRoute {
  /** `*` for every method that is not listed. Empty if the handler is not loaded, or responds whatever the method is. */
  readonly methods: readonly string[];
  readonly pattern: string;
  readonly name: string | null;
  /** The name of the class; null if it is not loaded. */
  readonly handler: string | null;
  /** The name of the class of the delegate that is mounted; null if there is none. */
  readonly fallback: string | null;
  readonly kind: 'handler' | 'mounted' | 'websocket' | 'static' | 'redirect' | 'error' | 'lazy';
  readonly host: string | null;
  /** Where the application of the route is mounted; '' for the outermost. */
  readonly mount: string;
  /** Null if the handler is not loaded, because its class has middleware too. */
  readonly middleware: readonly string[] | null;
}

/** The classes of this package by name. A handler of the program extends them, perhaps those of another copy. */
const KINDS = new Map<string, PrintedRoute['kind']>([
  ['WebSocketHandler', 'websocket'],
  ['StaticFileHandler', 'static'],
  ['FallbackHandler', 'mounted'],
  ['RedirectHandler', 'redirect'],
  ['ErrorHandler', 'error'],
]);

const COLUMNS: readonly (readonly [title: string, text: (route: PrintedRoute) => string])[] = [
  ['METHODS', methodsText],
  ['PATTERN', ({ pattern }) => pattern],
  ['HANDLER', handlerText],
  ['NAME', ({ name }) => name ?? ''],
  ['HOST', ({ host }) => host ?? ''],
  ['MOUNTED AT', ({ mount }) => mount],
  ['MIDDLEWARE', ({ middleware }) => (middleware === null ? '?' : middleware.join(', '))],
];
const MAX_CELL_CHARS = 300;

export function printedRoute(route: RouteDescription): PrintedRoute {
  const { pattern, name, host, mountPath, handlerClass, methods, fallback, middleware } = route;
  return {
    methods,
    pattern,
    name: name ?? null,
    handler: handlerClass === undefined ? null : nameOf(handlerClass),
    // Undefined too if the application is of another version of the package.
    fallback: fallback === undefined ? null : nameOf(fallback.constructor),
    kind: kindOf(handlerClass),
    host: host ?? null,
    mount: mountPath,
    middleware: handlerClass === undefined ? null : middleware.map(nameOf),
  };
}

/** Formats routes as a table with a title for each column. Columns without any text are left out. */
export function routeLines(routes: readonly PrintedRoute[]): string[] {
  const shown = COLUMNS.map(([title, text]) => {
    const cells = routes.map((route) => printable(text(route), MAX_CELL_CHARS));
    return { title, cells, isShown: cells.some((cell) => cell !== '' && cell !== '?') };
  }).filter(({ isShown }) => isShown);
  const widths = shown.map(({ title, cells }) =>
    cells.reduce((most, { length }) => Math.max(most, length), title.length),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) => cell.padEnd(widths[at] as number))
      .join('  ')
      .trimEnd();
  return [
    line(shown.map(({ title }) => title)),
    ...routes.map((_, row) => line(shown.map(({ cells }) => cells[row] as string))),
  ];
}

/** HEAD is left out where GET is there. */
function methodsText({ methods, kind }: PrintedRoute): string {
  if (kind === 'lazy') return '?';
  if (kind === 'websocket') return 'WEBSOCKET';
  const shown = methods.filter((method) => method !== 'HEAD' || !methods.includes('GET'));
  return shown.length === 0 ? '*' : shown.join(', ');
}

function handlerText({ handler, fallback, kind }: PrintedRoute): string {
  return kind === 'lazy' ? '(lazy)' : (fallback ?? handler ?? '');
}

function kindOf(handlerClass: unknown): PrintedRoute['kind'] {
  if (handlerClass === undefined) return 'lazy';
  for (let one = handlerClass; typeof one === 'function'; one = Object.getPrototypeOf(one)) {
    const kind = KINDS.get(one.name);
    if (kind !== undefined) return kind;
  }
  return 'handler';
}

function nameOf({ name }: { readonly name: string }): string {
  return name === '' ? '(anonymous)' : name;
}

import { shownValue } from '@landspout/ioloop/errors';
import { WebUsageError } from '../errors.ts';
import type { Route } from '../routing/route.ts';
import { StaticFileHandler } from './static-file-handler.ts';
import type { StaticUrlSettings } from './static-url.ts';

/** The settings of an application for its static files. */
export interface StaticSettings extends StaticUrlSettings {
  /** Serves the static files. Default: {@link StaticFileHandler}. */
  readonly staticHandlerClass?: typeof StaticFileHandler;
  /**
   * Passed to `initialize` of {@link staticHandlerClass} together with `path`: for example
   * `{ defaultFilename: 'index.html' }`.
   */
  readonly staticHandlerArgs?: object;
}

/** Files that clients request at the root of a site. */
const ROOT_FILES = ['favicon.ico', 'robots.txt'];

/** Matches a path, with or without the origin of a CDN. It allows no characters that have a meaning in a pattern. */
const PREFIX = /^(?:https?:\/\/[^/?#\\\s]+)?(\/(?:[\w.~@%+-]+\/)+)$/;

/**
 * Makes the routes of the setting `staticPath`; none without it.
 *
 * @param taken - the patterns of the application's own routes. If one is `/favicon.ico` or `/robots.txt`, no such route
 *   is made.
 * @throws WebUsageError `ERR_WEB_USAGE` if a setting is invalid.
 */
export function staticRoutes(settings: StaticSettings, taken: readonly string[]): Route[] {
  const { staticPath, staticUrlPrefix = '/static/', staticHandlerArgs = {} } = settings;
  const { staticHandlerClass = StaticFileHandler } = settings;
  if (typeof staticPath !== 'string' || staticPath === '') {
    throw wrong(`staticPath must be the folder of the static files, got ${shownValue(staticPath)}`);
  }
  const prefix = typeof staticUrlPrefix === 'string' ? PREFIX.exec(staticUrlPrefix)?.[1] : undefined;
  if (prefix === undefined) {
    const expected =
      "a path such as '/static/', or the URL of a CDN such as 'https://cdn.example.com/static/'";
    throw wrong(`staticUrlPrefix must be ${expected}, got ${shownValue(staticUrlPrefix)}`);
  }
  if (!extendsHandler(staticHandlerClass)) {
    throw wrong(
      `staticHandlerClass must be a class that extends StaticFileHandler, got ${shownValue(staticHandlerClass)}`,
    );
  }
  if (typeof staticHandlerArgs !== 'object' || staticHandlerArgs === null) {
    throw wrong(`staticHandlerArgs must be an object, got ${shownValue(staticHandlerArgs)}`);
  }
  const init = { ...staticHandlerArgs, path: staticPath };
  const files = ROOT_FILES.filter((file) => !taken.includes(`/${file}`));
  return [
    [`${prefix}*path`, staticHandlerClass, init],
    ...files.map((file): Route => [`/${file}`, staticHandlerClass, { ...init, file }]),
  ];
}

/** @throws WebUsageError `ERR_WEB_USAGE` if there are settings for static files, but no folder. */
export function requireNoStaticSettings(settings: StaticSettings): void {
  const names = ['staticUrlPrefix', 'staticHandlerClass', 'staticHandlerArgs'] as const;
  const name = names.find((one) => settings[one] !== undefined);
  if (name !== undefined)
    throw wrong(`${name} has no effect without staticPath, the folder of the static files`);
}

function extendsHandler(given: unknown): boolean {
  if (given === StaticFileHandler) return true;
  return typeof given === 'function' && given.prototype instanceof StaticFileHandler;
}

function wrong(problem: string): WebUsageError {
  return new WebUsageError('ERR_WEB_USAGE', `Application: ${problem}`);
}

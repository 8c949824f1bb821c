// A blog with several authors: templates of Eta, a UI module, accounts, forms with XSRF tokens, and an Atom feed.
// Run: npx landspout dev blog/app.ts, or node blog/main.ts [port], then open the URL that it prints.
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { Application, type Logger, rateLimit, securityHeaders } from 'landspout';
import { EtaEngine } from 'landspout/web/eta';
import { Login, Logout, SignUp } from './accounts.ts';
import { type BaseHandler, type BlogSettings, NotFound } from './base-handler.ts';
import { EntryModule } from './entry-module.ts';
import { Archive, Compose, EntryPage, entryPath, Feed, Home } from './pages.ts';
import { BlogStore } from './store.ts';

export interface BlogOptions {
  /** Whether the blog runs in development: templates are read again when they change. Default: false. */
  readonly debug?: boolean;
  /** The JSON file that keeps accounts and entries. Default: the variable BLOG_FILE; without both, only memory. */
  readonly file?: string | undefined;
  /** The secret that signs cookies, at least 32 bytes. Default: the variable BLOG_SECRET, or else a random one. */
  readonly cookieSecret?: string | Uint8Array;
  readonly logger?: Logger;
}

/** Makes the application. `landspout dev` and `landspout serve` call it. */
export default async function createBlog(options: BlogOptions = {}): Promise<Application<BlogSettings>> {
  const { debug = false, file = process.env.BLOG_FILE, logger } = options;
  // With a random secret, all authors must log in again after a restart.
  const { cookieSecret = process.env.BLOG_SECRET ?? randomBytes(32) } = options;
  const folder = import.meta.dirname;
  // A hash of a password takes a fraction of a second of a core: few are needed.
  const accounts = { middleware: [rateLimit({ limit: 20 })] };
  return new Application<BlogSettings>(
    [
      ['/', Home],
      ['/archive', Archive],
      ['/feed', Feed],
      [entryPath, EntryPage],
      ['/compose', Compose],
      ['/login', Login, {}, { name: 'login', ...accounts }],
      ['/signup', SignUp, {}, { name: 'signup', ...accounts }],
      ['/logout', Logout],
    ],
    {
      debug,
      store: await BlogStore.open(file),
      blogTitle: 'Notes from the loop',
      templateEngine: new EtaEngine({ views: path.join(folder, 'views') }),
      staticPath: path.join(folder, 'static'),
      uiModules: { Entry: EntryModule },
      uiMethods: {
        flashMessage: (handler: BaseHandler) => handler.takeFlash(),
        longDate: (_handler: BaseHandler, timeMs: number) => LONG_DATE.format(timeMs),
        isoDate: (_handler: BaseHandler, timeMs: number) => new Date(timeMs).toISOString(),
      },
      defaultHandlerClass: NotFound,
      cookieSecret,
      xsrfCookies: true,
      loginUrl: '/login',
      // The pages contain no secrets but the XSRF token, which looks different on each.
      compressResponse: true,
      middleware: [securityHeaders({ contentSecurityPolicy: POLICY, frameAncestors: 'none' })],
      ...(logger === undefined ? {} : { logger }),
    },
  );
}

const LONG_DATE = new Intl.DateTimeFormat('en', { dateStyle: 'long', timeZone: 'UTC' });
/** Pages use only their own style sheets and images, and no scripts. */
const POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'";

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Application, type HandlerMixinBase, RequestHandler, route, StaticFileHandler } from '@landspout/web';
import { describe, expect, it } from 'vitest';
import { WebSocketHandler, websocketConnect } from '../../src/index.ts';

interface User {
  readonly name: string;
}

interface UserMembers {
  getCurrentUser(): User | undefined;
  greet(): string;
}

// biome-ignore lint/suspicious/noExplicitAny: the compiler requires this of mixins
type WithMembers<Base> = Base & (abstract new (...args: any[]) => UserMembers);

function withUser<Base extends HandlerMixinBase>(base: Base): WithMembers<Base> {
  abstract class WithUser extends base implements UserMembers {
    override getCurrentUser(): User | undefined {
      const name = this.request.headers.get('X-User');
      return name === undefined ? undefined : { name };
    }

    greet(): string {
      return `hello ${this.getCurrentUser()?.name}`;
    }
  }
  return WithUser;
}

const userPath = '/user/:id';

class Page extends withUser(RequestHandler)<typeof userPath> {
  override get(): void {
    const user: User | undefined = this.currentUser;
    // @ts-expect-error: the user has no such property, so its type is known
    void user?.age;
    // @ts-expect-error: the path has no such parameter
    void this.pathParams.name;
    this.write(`${this.greet()} ${this.pathParams.id}`);
  }
}

class Files extends withUser(StaticFileHandler) {
  override prepare(): void {
    this.setHeader('X-Greeting', this.greet());
  }
}

class Echo extends withUser(WebSocketHandler)<typeof userPath> {
  override onMessage(message: string): unknown {
    return this.writeMessage(`${this.greet()} ${this.pathParams.id} ${message}`);
  }
}

describe("a mixin of the program's own", () => {
  it('is shared by request handlers, static files and WebSockets [RH-03] [US-01]', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'mixins-'));
    await writeFile(path.join(folder, 'a.txt'), 'text');
    const app = new Application([
      [userPath, Page],
      ['/files/*path', Files, { path: folder }],
      ['/echo/:id', Echo],
    ]);
    const server = await app.listen({ port: 0, host: '127.0.0.1' });
    try {
      const headers = { 'X-User': 'me' };
      const page = await fetch(`${server.url}/user/7`, { headers });
      expect(await page.text()).toBe('hello me 7');
      const file = await fetch(`${server.url}/files/a.txt`, { headers });
      expect([file.headers.get('X-Greeting'), await file.text()]).toEqual(['hello me', 'text']);
      await using client = await websocketConnect(`${server.url.replace('http', 'ws')}/echo/8`, { headers });
      await client.writeMessage('there');
      expect(await client.readMessage()).toBe('hello me 8 there');
    } finally {
      await server.closeAll();
      await rm(folder, { recursive: true });
    }
  });

  it('still checks the parameters of the path', () => {
    // @ts-expect-error: the handler reads `id`
    expect(() => route('/other/:name', Page)).not.toThrow();
  });
});

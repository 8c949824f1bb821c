import { describe, expect, it } from 'vitest';
import { ExampleProcess } from './example-process.ts';
import { Visitor } from './visitor.ts';

const APPLICATIONS = [
  ['blog', 'There are no entries yet.', '/static/blog.css'],
  ['chat', 'Your name', '/static/chat.js'],
] as const;

describe.each(APPLICATIONS)('the example %s', (name, text, file) => {
  it('is a program that serves until SIGTERM', async () => {
    await using program = ExampleProcess.program(`${name}/main.js`);
    const visitor = new Visitor(await program.url());
    expect((await visitor.get('/')).text).toContain(text);
    expect((await visitor.get(file)).status).toBe(200);
    expect(await program.stop()).toBe(0);
  });

  it('is served by landspout dev, and listed by landspout routes', async () => {
    await using development = ExampleProcess.landspout('dev', `${name}/app.js`, '--port', '0');
    expect((await new Visitor(await development.url()).get('/')).text).toContain(text);
    expect(await development.stop()).toBe('SIGTERM');
    await using routes = ExampleProcess.landspout('routes', `${name}/app.js`);
    expect(await routes.end()).toBe(0);
    expect(routes.output).toContain('/static/');
  });
});

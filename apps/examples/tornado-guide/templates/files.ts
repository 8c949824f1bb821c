// Templates in files: a layout, blocks, loops, escaping, and functions.
import path from 'node:path';
import { Application, type Awaitable, RequestHandler, StaticFileHandler } from 'landspout';
import { EtaEngine } from 'landspout/web/eta';

const STUDENTS = [
  { name: 'Ann <3 & Bob', year: 1 },
  { name: 'Joe', year: 2 },
];

class Students extends RequestHandler {
  override templateNamespace(data?: object): Record<string, unknown> {
    return super.templateNamespace({ school: 'The School of Loops', ...data });
  }

  override get(): Awaitable {
    const year = this.getQueryArgument('year', undefined);
    const students = STUDENTS.filter((one) => year === undefined || String(one.year) === year);
    return this.render('students', {
      title: 'All <students>',
      students,
      note: '<p><b>raw</b></p>',
      shout: (word: string) => `${word.toUpperCase()}!`,
    });
  }
}

const folder = import.meta.dirname;
const settings = {
  templateEngine: new EtaEngine({ views: path.join(folder, 'views') }),
  staticPath: path.join(folder, 'static'),
};
await StaticFileHandler.loadVersions(settings);

const app = new Application([['/', Students]], settings);
const server = await app.listen({ port: process.env.PORT ?? 8888, host: '127.0.0.1' });
console.log(`listening on ${server.url}`);

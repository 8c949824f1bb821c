import { library } from '@landspout/tooling-tsup';

export default library([
  'src/index.ts',
  'src/ioloop.ts',
  'src/iostream.ts',
  'src/http1.ts',
  'src/httpserver.ts',
  'src/httpclient.ts',
  'src/web.ts',
  'src/websocket.ts',
]);

// Sends a file to whoever connects, by IOStream.sendFile; says so where this build has none.
import { open } from 'node:fs/promises';
import { IOLoop } from '@landspout/ioloop';
import { IOStream, TCPServer } from '@landspout/iostream';
import { answer, settings } from '../../loop/programs/measure.mjs';
import { ready } from '../../servers/ready.mjs';
import { HOST } from '../../servers/settings.mjs';

const { backend } = IOLoop.current();
if (typeof IOStream.prototype.sendFile !== 'function') {
  answer({ backend, absent: 'IOStream has no sendFile' });
} else {
  const server = new TCPServer({
    async handleStream(stream) {
      const file = await open(settings.file);
      try {
        await stream.sendFile(file);
      } finally {
        await file.close();
      }
      stream.close();
    },
  });
  await server.listen({ port: 0, host: HOST });
  ready({ port: server.port, backend });
}

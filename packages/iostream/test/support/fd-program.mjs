// On the built package: copies descriptor 0 to descriptor 1, both pipes of one way, and sends back what comes on
// descriptor 3, a socket of both ways.
import { IOStream } from '@landspout/iostream';

const input = IOStream.fromFd(0, { direction: 'read' });
const output = IOStream.fromFd(1, { direction: 'write' });
const both = IOStream.fromFd(3);
await Promise.all([input.pipeTo(output), both.pipeTo(both)]);

// Many registered descriptors, of which some are ready at every wake-up: listeners of Unix sockets, one descriptor
// each, of which the ready ones have a connection that is never accepted. Being level-triggered they stay ready, so that
// events alone are counted, without the system calls that would handle them.
import { IOLoop, Socket } from '@landspout/ioloop';
import { measure, report, settings } from '../../program.mjs';

const { door, registered, ready } = settings;
const loop = IOLoop.current();
const { reactor, backend } = loop;
let seen = 0;

class Counter {
  ready() {
    seen += 1;
  }
}

const register = door === 'addHandler' ? registerHandler : registerInReactor;
for (let index = 0; index < registered; index += 1) register(listener(index));
const apart = Math.floor(registered / ready);
for (let index = 0; index < ready; index += 1) Socket.unix().connect({ path: nameOf(index * apart) });
report(await measureWakeUps());

async function measureWakeUps() {
  const first = reactor.stats();
  const measured = await measure(() => seen);
  const last = reactor.stats();
  if (last.events - first.events !== seen) {
    throw new Error(`the reactor had ${last.events - first.events} events, and handlers saw ${seen}`);
  }
  const eventsPerWakeUp = seen / (last.wakeUps - first.wakeUps);
  return { backend, ...measured, registered: last.descriptors, eventsPerWakeUp };
}

function listener(index) {
  const socket = Socket.unix();
  socket.bind({ path: nameOf(index) });
  socket.listen();
  return socket;
}

/** An abstract name: no file is left in a folder. */
function nameOf(index) {
  return `\0landspout-bench-${process.pid}-${index}`;
}

function registerHandler(socket) {
  loop.addHandler(socket, IOLoop.READ, () => {
    seen += 1;
  });
}

/** As the streams do it: the door of the layers above. */
function registerInReactor(socket) {
  reactor.register(socket.descriptor, reactor.constants.EPOLLIN, new Counter());
}

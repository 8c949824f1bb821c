// `pnpm bench hello`, `loop`, `stream`, `http`, `web`, `mounting`, `client`, `websocket`, `tls`, `topics` and `writers`
// measure; `against` compares with another checkout, and `profile` shows where the time of one row goes. See README.md.
import { against } from './against.mjs';
import { runBenchmark } from './harness.mjs';
import { parseOptions, usage } from './options.mjs';
import { profile } from './profile.mjs';
import { client } from './tables/client.mjs';
import { hello, http } from './tables/http.mjs';
import { loop } from './tables/loop.mjs';
import { mounting } from './tables/mounting.mjs';
import { stream } from './tables/stream.mjs';
import { tls } from './tables/tls.mjs';
import { topicsTable } from './tables/topics.mjs';
import { web } from './tables/web.mjs';
import { websocket } from './tables/websocket.mjs';
import { writers } from './tables/writers.mjs';

const BENCHMARKS = {
  hello,
  loop,
  stream,
  http,
  web,
  mounting,
  client,
  websocket,
  tls,
  topics: topicsTable,
  writers,
};
const COMMANDS = { against, profile };

const [name, ...args] = process.argv.slice(2);
if (!Object.hasOwn({ ...BENCHMARKS, ...COMMANDS }, name ?? '')) {
  console.error(usage());
  process.exitCode = 2;
} else {
  try {
    const options = parseOptions(name, args);
    await (COMMANDS[name] ?? ((chosen) => runBenchmark(name, BENCHMARKS[name], chosen)))(options);
  } catch (error) {
    // A mistake of the user is one line; only a fault of the harness itself shows its stack.
    const isUsage = error?.code?.startsWith('ERR_PARSE_ARGS');
    console.error(isUsage || error?.code === 'ERR_BENCH' ? `bench: ${error.message}` : error);
    if (isUsage) console.error(usage());
    process.exitCode = 1;
  }
}

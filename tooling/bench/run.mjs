// `pnpm bench hello`, `loop`, `stream`, `http` and `writers` measure, `against` compares with another
// checkout; `pnpm bench profile <row>` says where one row's
// time goes. See README.md.
import { against } from './against.mjs';
import { hello } from './hello.mjs';
import { http } from './http.mjs';
import { loop } from './loop.mjs';
import { profile } from './profile.mjs';
import { stream } from './stream.mjs';
import { writers } from './writers.mjs';

const USAGE = `usage: pnpm bench hello [--rounds 3] [--seconds 5] [--warmup 2] [--connections 64] [--idle 10000]
                        [--rows floor,web] [--no-build]
       pnpm bench loop [--rounds 5] [--measure-ms 1000] [--warmup-ms 500] [--timers 100000]
                       [--only callbacks,timers,wake-ups] [--no-build]; LANDSPOUT_BACKEND=portable for that backend
       pnpm bench stream [--rounds 3] [--measure-ms 2000] [--warmup-ms 1000] [--connections 64] [--idle 10000]
                         [--file-mib 100] [--only echo,lines,idle,send-file] [--no-build]
       pnpm bench http [--rounds 3] [--measure-ms 2000] [--warmup-ms 1000] [--connections 64] [--many 1000] [--idle 10000]
                       [--crowd 5000] [--fresh] [--only hello,pipelined,head,bodies,idle,flat,crowd]
                       [--rows floor,httpserver] [--no-build]
       pnpm bench writers [--writers 1,32,500] [--seconds 10] [--no-build]
       pnpm bench against <checkout> [--rounds 20] [--measure-ms 400] [--warmup-ms 800] [--connections 64] [--many 1000]
                        [--only 'hello, httpserver, native' --only echo] [--no-build]
       pnpm bench profile <row> [--scene '1 MiB up'] [--seconds 4] [--warmup 2] [--connections 64] [--top 25] [--no-build]`;

const [name, ...args] = process.argv.slice(2);
const benchmark = new Map([
  ['hello', hello],
  ['loop', loop],
  ['stream', stream],
  ['http', http],
  ['writers', writers],
  ['against', against],
  ['profile', profile],
]).get(name ?? '');

if (benchmark === undefined) {
  console.error(USAGE);
  process.exitCode = 2;
} else {
  try {
    await benchmark(args);
  } catch (error) {
    // What the person can mend is said in words; only a fault of the harness itself shows its stack.
    const expected = error?.code?.startsWith('ERR_BENCH') || error?.code?.startsWith('ERR_PARSE_ARGS');
    console.error(expected ? `bench: ${error.message}` : error);
    if (error?.code?.startsWith('ERR_PARSE_ARGS')) console.error(USAGE);
    process.exitCode = 1;
  }
}

import { existsSync } from 'node:fs';
import path from 'node:path';
import { during, startServer } from './child.mjs';
import { keepResults, nameOf, say } from './harness.mjs';
import { BenchError, describeMachine, fileLimit, setStage } from './machine.mjs';
import { runLoad } from './measure.mjs';
import { stopwatch } from './process-readings.mjs';
import { formatTable } from './report.mjs';
import { Responses } from './responses.mjs';
import { interval } from './statistics.mjs';
import { clientRows } from './tables/client.mjs';
import { httpRows } from './tables/http.mjs';
import { mountingRows } from './tables/mounting.mjs';
import { streamRows } from './tables/stream.mjs';
import { tls, tlsRows } from './tables/tls.mjs';
import { web, webRows } from './tables/web.mjs';
import { websocketRows } from './tables/websocket.mjs';

const HTTP_SECTIONS = ['hello', 'pipelined', 'head', 'bodies'];
/** Few requests are in flight in a client, so that V8 compiles later what it runs often. */
const CLIENT_WARM_UP = 4;
const HTTP_SERVERS = ['httpserver', 'web', 'httpserver-portable'];

/**
 * Compares this checkout with another that is built too, scene by scene. A round starts one server of each, and loads
 * them in turn, here, there, there, here: what disturbs the machine for longer than a burst disturbs both.
 *
 * @param {{ checkout: string, only?: readonly string[], rounds: number }} options - and the numbers of the rows.
 */
export async function against(options) {
  if (options.rounds < 2) throw new BenchError('--rounds takes at least 2: one ratio has no interval');
  const machine = describeMachine();
  const http = httpRows({ ...options, only: HTTP_SECTIONS, rows: HTTP_SERVERS, files: fileLimit() });
  const echoes = streamRows({ ...options, only: ['echo'] }).filter(({ title }) =>
    title.startsWith('IOStream'),
  );
  const there = { root: path.resolve(options.checkout) };
  // The hello of web is in http.
  const scenes = webRows({ ...options, only: undefined, rows: ['web'] }).filter(
    ({ section }) => section !== 'hello',
  );
  const mounts = mountingRows({
    ...options,
    only: undefined,
    rows: ['serve', 'serve-plain', 'container'],
  });
  const clients = clientRows({
    ...options,
    only: ['get'],
    rows: ['httpclient', 'httpclient-portable'],
  }).filter(({ how }) => how === '10 in flight');
  const sockets = websocketRows({
    ...options,
    only: ['echo', 'broadcast', 'deflate', 'close'],
    rows: ['websocket', 'websocket-portable'],
  });
  // An older checkout may have servers that know no TLS.
  const secure = existsSync(path.join(there.root, 'tooling/bench/tables/tls.mjs'))
    ? tlsRows({ ...options, handshakes: 64, sockets: 100, only: undefined, rows: ['tls'] })
    : [];
  // An older checkout may have no program for these.
  const newer = [...scenes, ...mounts, ...clients, ...sockets].filter(({ program }) =>
    existsSync(path.join(there.root, 'tooling/bench', program)),
  );
  const isWanted = (row) => options.only?.some((part) => nameOf(row).includes(part)) ?? true;
  const rows = [...http, ...newer, ...secure, ...echoes].filter(isWanted);
  if (rows.length === 0) throw new BenchError(`no scene has ${options.only} in its name`);
  const isTls = rows.some(({ certificate }) => certificate !== undefined);
  const stage = setStage(options, isTls ? tls.programs : []);
  web.prepare(stage);
  if (isTls) tls.prepare(stage);
  const responses = new Responses(rows, stage);
  for (const row of rows) if (row.ask !== undefined) await responses.verify(row);

  const [results, absent] = [[], []];
  for (const row of rows) {
    const ratios = [];
    try {
      for (let round = 1; round <= options.rounds; round += 1) {
        say(`${nameOf(row)}: round ${round} of ${options.rounds}`);
        ratios.push(await ratioOf(row, [stage, { ...stage, ...there }], options));
      }
      results.push({ scene: nameOf(row), ...interval(ratios), ratios });
    } catch (error) {
      if (!row.mayFail || !(error instanceof BenchError)) throw error;
      absent.push(`not measured: ${nameOf(row)}: ${error.message}`);
    }
  }
  say('');
  const percent = (ratio) => `${(ratio * 100).toFixed(1)} %`;
  const cells = results.map(({ scene, ratio, low, high }) => [scene, ...[ratio, low, high].map(percent)]);
  console.log(formatTable(['CPU of a request, here over there', 'mean', '95 % from', 'to'], cells));
  for (const line of absent) console.log(line);
  keepResults({ benchmark: 'against', machine, settings: options, rows: results });
}

/** What a request costs here, over what it costs there: one round. */
async function ratioOf(row, [here, there], { warmupMs, measureMs }) {
  return during(await startServer(row, here), async (ours) =>
    during(await startServer(row, there), async (theirs) => {
      const ms = warmupMs * (row.origin === undefined ? 1 : CLIENT_WARM_UP);
      for (const server of [ours, theirs]) await runLoad(row.load, server, here, ms);
      const costs = new Map([ours, theirs].map((server) => [server, { cpuNs: 0, count: 0 }]));
      for (const server of [ours, theirs, theirs, ours]) {
        const cpu = stopwatch(server.pid);
        const { count } = await runLoad(row.load, server, here, measureMs);
        costs.get(server).cpuNs += cpu().cpuNs;
        costs.get(server).count += count;
      }
      const [our, their] = [ours, theirs].map((server) => costs.get(server).cpuNs / costs.get(server).count);
      return our / their;
    }),
  );
}

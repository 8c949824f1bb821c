import { startProgram, startServer } from './child.mjs';
import { startRedis } from './redis.mjs';

/** The processes of a server, and the Redis that they use. Looks to its users like a server of one process. */
class ServerGroup {
  #programs = [];
  #members = [];
  #client;
  /** @type {Awaited<ReturnType<typeof startRedis>> | undefined} */
  redis;

  constructor(row) {
    this.row = row;
  }

  /** All processes, also a parent that serves no clients. */
  get pids() {
    return this.#members.map(({ pid }) => pid);
  }

  get ports() {
    return this.#members.flatMap(({ port = [] }) => port);
  }

  /** What the last process has printed: it is the one that publishes. */
  get first() {
    return this.#members.at(-1);
  }

  /** Takes a program, and waits for the lines of its children. @param {number} children */
  async add(program, children) {
    this.#programs.push(program);
    const own = { ...program.first, pid: program.pid, program };
    const started = [];
    while (started.length < children) started.push({ ...(await program.nextLine()), program });
    this.#members.push(own, ...started.toSorted((a, b) => a.member - b.member));
  }

  /** Collects garbage in all processes, one after the other. @returns the bytes that their heaps then hold. */
  async collect() {
    let bytes = 0;
    for (const { pid, program } of this.#members) {
      process.kill(pid, 'SIGUSR2');
      bytes += (await program.nextLine()).heapBytes;
    }
    return bytes;
  }

  /** Stops a client before the processes. @returns that client. */
  stopBefore(client) {
    this.#client = client;
    return client;
  }

  async stop() {
    await this.#client?.stop();
    await Promise.all(this.#programs.map((program) => program.stop()));
    await this.redis?.stop();
  }
}

/**
 * Starts the server of a row, whose program runs in several processes if the row says so, each with the number that it has
 * among them.
 *
 * @throws BenchError as `startServer`; NotInstalledError if there is no Redis for a row that uses it.
 */
export async function startGroup(row, stage, flags) {
  const { processes, forks = false } = row;
  if (processes === undefined) return startServer(row, stage, flags);
  const group = new ServerGroup(row);
  try {
    if (row.redis) group.redis = await startRedis(stage);
    for (let member = 0; member < (forks ? 1 : processes); member += 1) {
      const settings = { ...row.settings, processes, forks, member, redis: group.redis?.url };
      await group.add(await startProgram({ ...row, settings }, stage, flags), forks ? processes : 0);
    }
    return group;
  } catch (error) {
    await group.stop();
    throw error;
  }
}

import { readdirSync, readFileSync } from 'node:fs';
import { field } from './machine.mjs';

/** Of the times in proc_pid_stat(5): USER_HZ, which is 100 on every architecture that Node has builds for. */
const TICK_NS = 1e9 / 100;

/**
 * Starts to count the CPU time of processes, of all their threads, in the nanoseconds of the scheduler.
 *
 * @param {readonly number[]} pids
 * @returns {() => { cpuNs: number, systemNs: number, waitedNs: number }} what they took since: in all; in the kernel, in
 *   steps of 10 ms; and how long their main threads could have run while others had their core.
 */
export function stopwatch(...pids) {
  const all = pids.map(stopwatchOf);
  return () => {
    const taken = all.map((read) => read());
    const sum = (name) => taken.reduce((total, one) => total + one[name], 0);
    return { cpuNs: sum('cpuNs'), systemNs: sum('systemNs'), waitedNs: sum('waitedNs') };
  };
}

function stopwatchOf(pid) {
  const before = readings(pid);
  return () => {
    const { threads, systemNs } = readings(pid);
    let cpuNs = 0;
    // What a thread took that ended meanwhile is lost: to subtract all it ever took would be worse.
    for (const [thread, [ranNs]] of threads) cpuNs += ranNs - (before.threads.get(thread)?.[0] ?? 0);
    const [waitedNs, waitedBefore] = [threads, before.threads].map((all) => all.get(String(pid))[1]);
    return { cpuNs, systemNs: systemNs - before.systemNs, waitedNs: waitedNs - waitedBefore };
  };
}

/**
 * Starts to count what a server takes for what a client does, and what the Redis that it uses does.
 *
 * @param server - of `startServer` or `startGroup`.
 * @returns {(done: { count: number }) => object} adds that to what was done; the time of Redis is that of one.
 */
export function timeServer({ pids, redis }) {
  const [cpu, redisCpu] = [stopwatch(...pids), redis && stopwatch(redis.pid)];
  return (done) => {
    const { cpuNs, systemNs } = cpu();
    return { ...done, cpuNs, systemNs, ...(redis && { redisNs: redisCpu().cpuNs / done.count }) };
  };
}

function readings(pid) {
  const threads = new Map();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const text = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8');
      threads.set(thread, text.split(' ').map(Number));
    } catch (error) {
      if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error; // It ended since the folder was read.
    }
  }
  // The name of the process, in brackets, may hold spaces and brackets.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const systemTicks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[12];
  return { threads, systemNs: systemTicks * TICK_NS };
}

/** What a process holds of the memory of the machine; the kernel's side of its sockets is not in it. */
export function residentBytes(pid) {
  return Number.parseInt(field(`/proc/${pid}/status`, 'VmRSS'), 10) * 1024;
}

/** The memory of all TCP sockets of the machine; the kernel counts pages. */
export function kernelBytes() {
  return Number(/ mem (\d+)$/.exec(field('/proc/net/sockstat', 'TCP:'))?.[1]) * 4096;
}

/** How long the host of a virtual machine has run others so far, on all cores together: see proc_stat(5). */
export function stolenTicks() {
  return Number(field('/proc/stat', 'cpu ').split(/\s+/)[7]);
}

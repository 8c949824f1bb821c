import { parseArgs } from 'node:util';
import { BenchError } from './bench-error.mjs';

const LOAD = { seconds: 5, warmup: 2, connections: 64 };

/** @param {string[]} args */
export function helloOptions(args) {
  const { values } = parse(args, { ...LOAD, rounds: 3, idle: 10_000 }, { rows: { type: 'string' } });
  return { ...values, rows: values.rows?.split(',') };
}

/** @param {string[]} args */
export function profileOptions(args) {
  const { values, positionals } = parse(
    args,
    { ...LOAD, seconds: 4, top: 25 },
    { scene: { type: 'string' } },
    true,
  );
  if (positionals.length !== 1) throw new BenchError('profile takes the name of one row, such as web');
  return { ...values, row: positionals[0] };
}

/** @param {string[]} args */
export function loopOptions(args) {
  const numbers = { rounds: 5, 'measure-ms': 1000, 'warmup-ms': 500, timers: 100_000 };
  const { values } = parse(args, numbers, { only: { type: 'string' } });
  const { rounds, timers, build, only } = values;
  if (timers % 2 !== 0)
    throw new BenchError(`--timers takes an even number, not ${timers}: half are cancelled`);
  const [measureMs, warmupMs] = [values['measure-ms'], values['warmup-ms']];
  return { rounds, measureMs, warmupMs, timers, build, only: only?.split(',') };
}

/** @param {string[]} args */
export function streamOptions(args) {
  const lengths = { rounds: 3, 'measure-ms': 2000, 'warmup-ms': 1000 };
  const amounts = { connections: 64, idle: 10_000, 'file-mib': 100 };
  const { values } = parse(args, { ...lengths, ...amounts }, { only: { type: 'string' } });
  const { rounds, connections, idle, build, only } = values;
  const [measureMs, warmupMs, fileMiB] = [values['measure-ms'], values['warmup-ms'], values['file-mib']];
  return { rounds, measureMs, warmupMs, connections, idle, fileMiB, build, only: only?.split(',') };
}

/** @param {string[]} args */
export function httpOptions(args) {
  const lengths = { rounds: 3, 'measure-ms': 2000, 'warmup-ms': 1000 };
  const amounts = { connections: 64, many: 1000, idle: 10_000, crowd: 5000 };
  const fresh = { type: 'boolean', default: false };
  const choices = { only: { type: 'string' }, rows: { type: 'string' }, fresh };
  const { values } = parse(args, { ...lengths, ...amounts }, choices);
  const { rounds, connections, many, idle, crowd, build, only, rows } = values;
  const [measureMs, warmupMs] = [values['measure-ms'], values['warmup-ms']];
  const chosen = { only: only?.split(','), rows: rows?.split(','), fresh: values.fresh };
  return { rounds, measureMs, warmupMs, connections, many, idle, crowd, build, ...chosen };
}

/** @param {string[]} args */
export function againstOptions(args) {
  const numbers = { rounds: 20, 'measure-ms': 400, 'warmup-ms': 800, connections: 64, many: 1000 };
  const { values, positionals } = parse(args, numbers, { only: { type: 'string', multiple: true } }, true);
  if (positionals.length !== 1) throw new BenchError('against takes the folder of another checkout, built');
  const { rounds, connections, many, build, only } = values;
  if (rounds < 2) throw new BenchError('--rounds takes at least 2: one ratio has no interval');
  const [measureMs, warmupMs] = [values['measure-ms'], values['warmup-ms']];
  return {
    checkout: positionals[0],
    rounds,
    measureMs,
    warmupMs,
    connections,
    many,
    build,
    only,
  };
}

/** @param {string[]} args */
export function writersOptions(args) {
  const { values } = parse(args, { seconds: 10 }, { writers: { type: 'string', default: '1,32,500' } });
  const counts = values.writers.split(',').map(Number);
  if (counts.some((count) => !Number.isInteger(count) || count < 0))
    throw new BenchError(`--writers takes whole numbers such as 1,32,500, not ${values.writers}`);
  return { ...values, counts };
}

/** Numbers are whole and above 0, except that `--warmup 0`, `--idle 0` and `--crowd 0` leave that part out. */
function parse(args, numbers, others, allowPositionals = false) {
  const options = { ...others, 'no-build': { type: 'boolean', default: false } };
  for (const name of Object.keys(numbers)) options[name] = { type: 'string', default: String(numbers[name]) };
  const { values, positionals } = parseArgs({ args, options, allowPositionals });
  const parsed = { ...values, build: !values['no-build'] };
  for (const name of Object.keys(numbers)) {
    const least = ['warmup', 'idle', 'crowd'].includes(name) ? 0 : 1;
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < least) {
      throw new BenchError(`--${name} takes a whole number of at least ${least}, not ${values[name]}`);
    }
    parsed[name] = value;
  }
  return { values: parsed, positionals };
}

import { readdir, readFile } from 'node:fs/promises';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import type { Report } from '../registry/collected.ts';
import type { Definitions } from './definitions.ts';
import { secondsOf } from './label-texts.ts';

const MICROSECONDS = 1e6;
const SECOND_MS = 1_000;
/** In seconds: a pause of a garbage collection is short. */
const GC_BUCKETS: readonly number[] = [0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];
const GC_KINDS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb',
};

/** Measures this process, by the names that all libraries of Prometheus have for it. */
export function measureProcess(definitions: Definitions): void {
  const own = (name: string, help: string, value: () => number): void =>
    definitions.readGauge(name, { help, across: 'process', collect: (report) => report(value()) });
  definitions.readCounter('process_cpu_seconds_total', {
    help: 'CPU time in user and system mode.',
    collect: (report) => {
      const { user, system } = process.cpuUsage();
      report((user + system) / MICROSECONDS);
    },
  });
  const startedAt = Date.now() / SECOND_MS - process.uptime();
  own('process_start_time_seconds', 'When the process was started, since the Unix epoch.', () => startedAt);
  own('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss());
  own('nodejs_heap_size_total_bytes', 'Size of the heap of V8.', () => process.memoryUsage().heapTotal);
  own('nodejs_heap_size_used_bytes', 'Used part of the heap of V8.', () => process.memoryUsage().heapUsed);
  own('nodejs_external_memory_bytes', 'Memory outside the heap that objects in it refer to.', () => {
    return process.memoryUsage().external;
  });
  definitions.readGauge('nodejs_version_info', {
    help: 'The version of Node; the value is 1.',
    labels: ['version'],
    across: 'max',
    collect: (report) => report({ version: process.version }, 1),
  });
  measureFiles(definitions);
  measureCollections(definitions);
}

/** Where there is no /proc, these are left out. */
function measureFiles(definitions: Definitions): void {
  if (process.platform !== 'linux') return;
  definitions.readGauge('process_open_fds', {
    help: 'Open file descriptors.',
    across: 'process',
    collect: async (report) => {
      // One of them reads the folder.
      const names = await readdir('/proc/self/fd').catch(() => undefined);
      if (names !== undefined) report(names.length - 1);
    },
  });
  definitions.readGauge('process_max_fds', {
    help: 'Most file descriptors that the process may open.',
    across: 'process',
    collect: (report) => reportNumber(report, '/proc/self/limits', /^Max open files +(\d+|unlimited)/m, 1),
  });
  definitions.readGauge('process_virtual_memory_bytes', {
    help: 'Size of the address space.',
    across: 'process',
    collect: (report) => reportNumber(report, '/proc/self/status', /^VmSize:\s+(\d+) kB/m, 1024),
  });
}

async function reportNumber(
  report: Report<never>,
  file: string,
  pattern: RegExp,
  factor: number,
): Promise<void> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const [, number] = pattern.exec(text) ?? [];
  if (number !== undefined) report(number === 'unlimited' ? Infinity : Number(number) * factor);
}

function measureCollections(definitions: Definitions): void {
  const durations = definitions.histogram('nodejs_gc_duration_seconds', {
    help: 'Pauses of garbage collections, by kind.',
    labels: ['kind'],
    buckets: GC_BUCKETS,
  });
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { detail } = entry as { readonly detail?: { readonly kind?: number } };
      durations.observe({ kind: GC_KINDS[detail?.kind ?? -1] ?? 'other' }, secondsOf(entry.duration));
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  definitions.atEnd(() => observer.disconnect());
}

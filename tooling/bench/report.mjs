/**
 * What a table shows of a row, and what an aim bounds: a number or a text.
 *
 * @param {string | ((row: object, rows: object[]) => unknown)} what - a path such as `resident.peak`, or a function.
 * @param {number} [unit] - that a number is divided by.
 */
export function column(head, what, digits = 0, unit = 1) {
  const find =
    typeof what === 'string' ? (row) => what.split('.').reduce((at, name) => at?.[name], row) : what;
  const scale = (value) => (typeof value === 'number' ? value / unit : value);
  return { head, digits, read: (row, rows) => scale(find(row, rows)) };
}

/** CPU time of one request, message or call: the median of the rounds, and the extremes. @param {number} unitNs */
export const cost = (head, unitNs, digits = 2) => {
  const bounds = ({ ns: { min, max } }) => [min, max].map((ns) => (ns / unitNs).toFixed(digits)).join(' - ');
  return [column(head, 'ns.median', digits, unitNs), column('min - max', bounds)];
};

/** CPU time without the kernel's. A verdict also says what the floor takes: the calls of the system are part of it. */
export const user = {
  ...column('user', ({ ns, systemNs }) => ns.median - systemNs, 2, 1e3),
  withFloor: true,
};

/** How loaded the core was, and how many requests, messages or calls passed in a second. @param {string} each */
export const load = (each) => [
  column('core %', 'coreShare.median', 0, 0.01),
  column(each, 'perSecond.median'),
];

/** Memory of an idle connection. @param {string} head */
export const memory = (head) => [column(head, 'residentBytes'), column('JS heap', 'heapBytes')];

/** How many times the CPU of another program in the same scene; nothing if that was not measured. @param {string} id */
export const over = (id) => column(`x ${id}`, (row, rows) => ratio(row, peerOf(rows, row, id)), 2);

/** The same, of the row that `idOf` names for each. */
export const overRow = (head, idOf) =>
  column(head, (row, rows) => ratio(row, peerOf(rows, row, idOf(row))), 2);

/**
 * The same the other way round. A verdict also says how the floor does: it may miss an aim too.
 *
 * @param {string} id @param {true | ((row: object) => string)} [withFloor] - which of several floors.
 */
export const cheaperThan = (id, head = `x cheaper than ${id}`, withFloor = true) => ({
  ...column(head, (row, rows) => ratio(peerOf(rows, row, id), row), 2),
  withFloor,
});

/** The same for the system time alone. @param {string} id */
export const kernelOver = (id) =>
  column(`kernel x ${id}`, (row, rows) => row.systemNs / peerOf(rows, row, id)?.systemNs || undefined, 2);

/** How many times the CPU of the same program in the scene `base`; nothing for that scene itself. */
export const overBase = (head) => column(head, (row, rows) => ratio(row, baseOf(row, rows)), 2);

/** The CPU time beyond that of the same program in the scene `base`, in us. */
export const beyondBase = (head) => {
  const read = (row, rows) => row.ns.median - baseOf(row, rows)?.ns.median || undefined;
  return column(head, read, 2, 1e3);
};

function baseOf({ section, how, base, id }, rows) {
  return how === base ? undefined : peerOf(rows, { section, how: base }, id);
}

function peerOf(rows, { section, how }, id) {
  return rows.find((other) => other.section === section && other.how === how && other.id === id);
}

function ratio(row, reference) {
  return row && reference && row.ns.median / reference.ns.median;
}

const BOUNDS = {
  atMost: ['at most', (value, limit) => value <= limit],
  under: ['under', (value, limit) => value < limit],
  atLeast: ['at least', (value, limit) => value >= limit],
  moreThan: ['more than', (value, limit) => value > limit],
};

/**
 * A bound on a column, for these programs in these sections, or in some of their scenes.
 *
 * @param {string | string[]} sections @param {string | string[]} ids
 * @param {Partial<Record<keyof typeof BOUNDS, number>>} bound - one.
 */
export const aim = (sections, ids, { head, read, digits, withFloor }, bound, hows) => {
  const [[name, limit]] = Object.entries(bound);
  const [words, compare] = BOUNDS[name];
  const isOf = ({ section, id, how }) =>
    [sections].flat().includes(section) && [ids].flat().includes(id) && (hows?.includes(how) ?? true);
  const holds = (value) => compare(value, limit);
  return { isOf, head, read, digits, withFloor, holds, words: `${words} ${limit}` };
};

/** Whether aims are met; nothing for rows that have no such number. @returns {{ met: boolean, text: string }[]} */
export function judge(aims, rows) {
  return aims.flatMap(({ isOf, head, read, digits, withFloor, holds, words }) =>
    rows.filter(isOf).flatMap((row) => {
      const value = read(row, rows);
      if (value === undefined) return [];
      const floor =
        withFloor && peerOf(rows, row, typeof withFloor === 'function' ? withFloor(row) : 'floor');
      const note = floor ? `; the floor: ${show(read(floor, rows), digits)}` : '';
      const what = `${row.title}, ${row.section}, ${row.how}: ${head} ${show(value, digits)} (${words}${note})`;
      return [{ met: holds(value), text: what }];
    }),
  );
}

function show(value, digits) {
  return typeof value === 'number' ? value.toFixed(digits) : (value ?? '-');
}

/** Prints for people how was measured, a table for each scene, what is missing, and whether the aims are met. */
export function printReport({ machine, cores, settings, versions, absent, rows }, { sections, aims, about }) {
  const all = Object.entries({ Node: machine.node, ...versions }).map((pair) => pair.join(' '));
  console.log(`${all.join(', ')}; ${machine.kernel}; ${machine.cpu}, ${machine.cores} cores`);
  const { files, rounds, warmupMs, warmups = 1, measureMs } = settings;
  const load = `clients on ${cores.load} with ${cores.loadThreads} threads`;
  console.log(`server on core ${cores.server}, ${load}; ${files} descriptors`);
  if (cores.note !== undefined) console.log(cores.note);
  const how = rounds === undefined ? 'each row once' : `${rounds} rounds in turn`;
  const until = warmups > 1 ? `, up to ${warmups} times until two agree within 3 %` : '';
  console.log(
    `${how}, on a new process, ${warmupMs} ms to warm up${until}, ${measureMs} ms measured; CPU is user + system`,
  );
  console.log(
    'time of all threads of the process; medians of the rounds, their extremes, and ratios of medians',
  );
  console.log(about);
  if (machine.loadBefore > 0.5)
    console.log(
      `NOT ALONE: the load was ${machine.loadBefore.toFixed(2)} before we began: do not trust this.`,
    );
  for (const [name, section] of Object.entries(sections)) {
    const own = rows.filter((row) => row.section === name);
    if (own.length > 0) printSection(own, section);
  }
  if (absent.length > 0) console.log('');
  for (const [what, scenes] of groupBy(absent, ({ title, reason }) => `${title}: ${reason}`))
    console.log(`not measured: ${what} (${scenes.map(({ scene }) => scene).join('; ')})`);
  const verdicts = judge(aims, rows);
  if (verdicts.length > 0) console.log('\nwhat it should be:');
  for (const { met, text } of verdicts) console.log(`  ${met ? 'met   ' : 'MISSED'}  ${text}`);
}

/** A table for each scene, or one of all scenes if the section is `joined`; of sections with `tables`, each of these. */
function printSection(rows, { about, joined, ...table }) {
  console.log(`\n${about}`);
  for (const note of new Set(rows.flatMap(({ note = [] }) => note))) console.log(note);
  for (const { columns, linesOf = (row) => [row] } of table.tables ?? [table])
    for (const [how, own] of groupBy(rows, (row) => (joined ? '' : row.how))) {
      const body = own.flatMap(linesOf).map((line) => {
        const title = joined ? `${line.title}, ${line.how}` : line.title;
        return [title, ...columns.map(({ read, digits }) => show(read(line, rows), digits))];
      });
      console.log(`\n${formatTable([how, ...columns.map(({ head }) => head)], body)}`);
    }
}

function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

/** Columns of fixed width: titles and texts to the left, numbers to the right. */
export function formatTable(header, rows) {
  const widths = header.map((_title, at) => Math.max(...[header, ...rows].map((row) => row[at].length)));
  const isText = header.map((_title, at) => at === 0 || rows.some((row) => /[a-z]/i.test(row[at])));
  const pad = (cell, at) => (isText[at] ? cell.padEnd(widths[at]) : cell.padStart(widths[at]));
  const rule = widths.map((width) => '-'.repeat(width));
  return [header, rule, ...rows].map((cells) => cells.map(pad).join('  ').trimEnd()).join('\n');
}

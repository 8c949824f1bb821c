import { PARAM, type PatternSegment, REST, type RoutePattern } from './pattern.ts';

/** An entry of the table. Of all entries that match a path, the one with the lowest index is chosen. */
export interface TableEntry {
  readonly compiled: RoutePattern;
  readonly index: number;
}

/** The undecoded values of the parameters, in the order of the path; undefined for a group that matched nothing. */
export type ParamValues = readonly (string | undefined)[];

export const NO_VALUES: ParamValues = Object.freeze([]);

/**
 * A node of the tree: the routes below it have the same segments up to here. If several routes have the same pattern,
 * only the first one is kept.
 */
class Branch<Entry> {
  readonly literals = new Map<string, Branch<Entry>>();
  param: Branch<Entry> | undefined = undefined;
  /** The route that ends here. */
  end: Entry | undefined = undefined;
  /** The route that matches any rest of the path. */
  rest: Entry | undefined = undefined;
  /** Routes with a regular expression whose leading literal segments end here. */
  readonly expressions: Entry[] = [];
}

/**
 * Finds the first route that matches a path, in a time that depends on the length of the path, not on the number of
 * routes. Patterns without parameters are in a map, and patterns with parameters are in a tree of their segments. Only
 * regular expressions that begin with the same literal segments are tried one after another.
 *
 * The path is neither decoded nor normalised. The methods are not reentrant, but they call no code of the program.
 */
export class RouteTable<Entry extends TableEntry> {
  readonly #exact = new Map<string, Entry>();
  readonly #root = new Branch<Entry>();
  /** The entry with the lowest index that the current search has found so far. */
  #found: Entry | undefined = undefined;
  #foundValues: ParamValues = NO_VALUES;
  /** The path of the current search, and the values of the parameters up to the current branch. */
  #path = '';
  readonly #values: string[] = [];

  /** The values of the parameters of the entry that {@link find} returned last. */
  get values(): ParamValues {
    return this.#foundValues;
  }

  /** Adds an entry. Its index must be higher than that of every earlier entry. */
  add(entry: Entry): void {
    const { exact, regExp, segments } = entry.compiled;
    if (exact !== undefined) {
      // An earlier entry that matches this path would be chosen for every request, so this one is not needed.
      if (this.find(exact) === undefined) this.#exact.set(exact, entry);
      return;
    }
    let branch = this.#root;
    for (const segment of segments) {
      if (segment === REST) {
        branch.rest ??= entry;
        return;
      }
      branch = childOf(branch, segment);
    }
    if (regExp !== undefined) branch.expressions.push(entry);
    else branch.end ??= entry;
  }

  /** Returns the first entry that matches a path; {@link values} then contains the values of its parameters. */
  find(path: string): Entry | undefined {
    const exact = this.#exact.get(path);
    if (exact !== undefined) {
      this.#foundValues = NO_VALUES;
      return exact;
    }
    this.#found = undefined;
    this.#foundValues = NO_VALUES;
    this.#path = path;
    // Without a slash, as in `OPTIONS *`, there are no segments, and only an expression can match.
    this.#search(this.#root, path.charCodeAt(0) === SLASH ? 1 : path.length + 1);
    const found = this.#found;
    this.#found = undefined;
    return found;
  }

  /** @param start - where the next segment begins; beyond the end of the path if there is none. */
  #search(branch: Branch<Entry>, start: number): void {
    const path = this.#path;
    for (const entry of branch.expressions) {
      if (!this.#isBetter(entry)) break;
      const groups = (entry.compiled.regExp as RegExp).exec(path);
      if (groups === null) continue;
      this.#found = entry;
      this.#foundValues = groups.length === 1 ? NO_VALUES : groups.slice(1);
    }
    if (start > path.length) {
      this.#take(branch.end);
      return;
    }
    const slash = path.indexOf('/', start);
    const end = slash === -1 ? path.length : slash;
    const segment = path.slice(start, end);
    const literal = branch.literals.get(segment);
    if (literal !== undefined) this.#search(literal, end + 1);
    if (branch.param !== undefined && segment !== '') {
      this.#values.push(segment);
      this.#search(branch.param, end + 1);
      this.#values.pop();
    }
    if (branch.rest !== undefined && this.#isBetter(branch.rest)) {
      this.#values.push(path.slice(start));
      this.#take(branch.rest);
      this.#values.pop();
    }
  }

  #take(entry: Entry | undefined): void {
    if (entry === undefined || !this.#isBetter(entry)) return;
    this.#found = entry;
    this.#foundValues = this.#values.slice();
  }

  #isBetter(entry: Entry): boolean {
    return this.#found === undefined || entry.index < this.#found.index;
  }
}

const SLASH = 0x2f;

function childOf<Entry>(branch: Branch<Entry>, segment: Exclude<PatternSegment, typeof REST>): Branch<Entry> {
  if (segment === PARAM) {
    branch.param ??= new Branch();
    return branch.param;
  }
  let child = branch.literals.get(segment);
  if (child === undefined) {
    child = new Branch();
    branch.literals.set(segment, child);
  }
  return child;
}

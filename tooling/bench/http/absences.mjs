import { BenchError } from '../bench-error.mjs';

/**
 * Which rows are not measured, and why. Peers alone may be missing or fail: that ends no run, and is reported.
 *
 * @typedef {import('./rows.mjs').HttpRow} HttpRow
 */
export class Absences {
  /** @type {{ title: string, scenes?: string, reason: string }[]} */
  #list = [];
  #rows;

  /** @param {readonly HttpRow[]} rows @param {Map<string, import('./peers.mjs').Peer>} peers */
  constructor(rows, peers) {
    const reasonOf = ({ peer }) => peers.get(peer)?.absent;
    this.#rows = rows.filter((row) => reasonOf(row) === undefined);
    const reasons = new Map(rows.filter(reasonOf).map((row) => [row.title, reasonOf(row)]));
    for (const [title, reason] of reasons) this.#list.push({ title, reason });
  }

  /** What is missing; `scenes` where it is so in these alone. */
  get list() {
    return [...this.#list];
  }

  /** The rows that are still measured. */
  get rows() {
    return [...this.#rows];
  }

  /**
   * Does something about a row that is still measured; without it from here on, when it is a peer's and fails.
   *
   * @param {HttpRow} row
   * @param {() => Promise<unknown>} act
   * @param {(other: HttpRow) => boolean} [alike] - other rows of the same peer that fall with it.
   */
  async attempt(row, act, alike = () => false) {
    if (!this.#rows.includes(row)) return;
    try {
      await act();
    } catch (error) {
      const mayFail = row.peer !== undefined || row.mayFail === true;
      if (!mayFail || !(error instanceof BenchError)) throw error;
      const fallen = this.#rows.filter((other) => other === row || (other.id === row.id && alike(other)));
      this.#rows = this.#rows.filter((other) => !fallen.includes(other));
      const scenes = fallen.map(({ section, how }) => `${section}, ${how}`).join('; ');
      this.#list.push({ title: row.title, scenes, reason: error.message });
    }
  }
}

import { describe, expect, it } from 'vitest';
import { type BudgetedWriter, WriteBudget } from './write-budget.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

function makeWriter(): BudgetedWriter {
  return { writeTurn: 0, spentInTurn: 0 };
}

/** Writes all that `writer` may write in this turn. @returns how many bytes those were. */
function writeAll(budget: WriteBudget, writer: BudgetedWriter, pieceBytes = 64 * KIB): number {
  let written = 0;
  for (;;) {
    const allowed = Math.min(budget.allowance(writer, pieceBytes), pieceBytes);
    if (allowed === 0) return written;
    budget.spend(writer, allowed, 1);
    written += allowed;
  }
}

describe('WriteBudget', () => {
  it('lets one writer write about 1 MiB in a turn, and again in the next', () => {
    const budget = new WriteBudget();
    const writer = makeWriter();
    for (let turn = 0; turn < 3; turn += 1) {
      const written = writeAll(budget, writer);
      expect(written).toBeGreaterThan(960 * KIB);
      expect(written).toBeLessThanOrEqual(MIB + 64 * KIB);
      budget.renew(0);
    }
  });

  it('lets all writers together write about 4 MiB in a turn', () => {
    const budget = new WriteBudget();
    const writers = Array.from({ length: 100 }, makeWriter);
    let written = 0;
    for (const writer of writers) written += writeAll(budget, writer);
    expect(written).toBeGreaterThan(3.7 * MIB);
    expect(written).toBeLessThanOrEqual(5 * MIB);
    expect(budget.isSpent).toBe(true);
  });

  it('divides a turn among those that waited for it, in shares of whole bytes and at least 64 KiB', () => {
    const budget = new WriteBudget();
    budget.renew(7);
    const share = budget.allowance(makeWriter(), MIB);
    expect(share).toBe(Math.floor((4 * MIB) / 7));
    budget.renew(500);
    expect(budget.allowance(makeWriter(), MIB)).toBe(64 * KIB);
    budget.renew(1);
    expect(budget.allowance(makeWriter(), MIB)).toBe(MIB);
  });

  it('lets a short response out when the turn is spent, but not one after the other', () => {
    const budget = new WriteBudget();
    for (let at = 0; at < 8; at += 1) writeAll(budget, makeWriter());
    const writer = makeWriter();
    expect(budget.allowance(writer, 200)).toBe(200);
    expect(budget.allowance(writer, 17 * KIB)).toBe(0);
    expect(writeAll(budget, writer, 200)).toBeLessThan(16 * KIB);
    expect(budget.allowance(writer, 200)).toBe(0);
  });

  it('counts the calls, so that single bytes use a turn up as well', () => {
    expect(writeAll(new WriteBudget(), makeWriter(), 1)).toBeLessThan(300);
  });

  it('counts the pieces that one call takes', () => {
    const budget = new WriteBudget();
    const writer = makeWriter();
    expect(budget.allowance(writer, 4096)).toBe(MIB);
    budget.spend(writer, 4096, 4096);
    expect(budget.allowance(writer, 1)).toBe(0);
  });
});

import { describe, expect, it } from 'vitest';
import { compare, type Difference, readRules, ruleOf, unclassified } from '../../testdata/differences.ts';
import { readCase } from '../../testdata/fuzz-case.ts';
import { seeds } from '../../testdata/fuzz-target.ts';
import { generate } from '../../testdata/generate-messages.ts';
import { mutate } from '../../testdata/mutate-input.ts';
import { randomOf } from '../../testdata/random.ts';

const GENERATED = 4_000;
const MUTATED = 8_000;

const rules = readRules();
/** Each golden vector once: limits are not compared. */
const vectors = seeds().filter(([, limits]) => limits === 0);

/** Fails for a difference that no rule intends; answers the rule of one that is intended. */
function expectIntended(input: Uint8Array): string | undefined {
  const difference = compare(readCase(input));
  if (difference === undefined) return undefined;
  const rule = ruleOf(difference, rules);
  if (rule === undefined) throw unclassified(difference);
  return rule.name;
}

describe("our decoders and Node's own parser", () => {
  it('read every generated message alike, but for what differences.md names', () => {
    let alike = 0;
    for (let seed = 0; seed < GENERATED; seed += 1)
      if (expectIntended(generate(seed)) === undefined) alike += 1;
    expect(alike).toBeGreaterThan(GENERATED * 0.9);
  });

  it('differ over the golden vectors only as differences.md says', () => {
    const seen = new Set(vectors.map(expectIntended));
    // The vectors are rich enough that most rules have one.
    expect(seen.size).toBeGreaterThan(15);
  });

  it('differ over changed messages only as differences.md says', () => {
    const inputs = [...vectors, ...Array.from({ length: 1000 }, (_unused, seed) => generate(seed))];
    for (let seed = 0; seed < MUTATED; seed += 1) {
      const random = randomOf(seed);
      expectIntended(mutate(inputs[random(inputs.length)] ?? Buffer.alloc(3), random));
    }
  });
});

describe('ruleOf', () => {
  const difference: Difference = {
    we: 'accept',
    node: 'HPE_INVALID_VERSION',
    part: 'whole',
    direction: 'requests',
    wire: 'GET / HTTP/1.2\r\n',
  };

  it('finds the rule by both outcomes and by the bytes', () => {
    expect(ruleOf(difference, rules)?.name).toBe('A higher minor version counts as HTTP/1.1');
  });

  it.each<Partial<Difference>>([
    { wire: 'GET / HTTP/1.1\r\n' },
    { we: 'ERR_HTTP1_VERSION' },
    { node: 'HPE_INTERNAL' },
    { part: 'fields' },
  ])('finds none for %j', (change) => {
    expect(ruleOf({ ...difference, ...change }, rules)).toBeUndefined();
  });
});

import { compare, readRules, ruleOf, unclassified } from './differences.ts';
import { readCase } from './fuzz-case.ts';
import { seeds as vectorSeeds } from './fuzz-target.ts';
import { generate } from './generate-messages.ts';

export { caseFromText, caseToText } from './fuzz-case.ts';

const rules = readRules();

/**
 * Compares our decoders with Node's parser on one input.
 *
 * @returns the rule that a difference falls under, or `same`.
 * @throws FuzzFinding for a difference that no rule intends.
 */
export function check(input: Uint8Array): string {
  const difference = compare(readCase(input));
  if (difference === undefined) return 'same';
  const rule = ruleOf(difference, rules);
  if (rule === undefined) throw unclassified(difference);
  return rule.name;
}

/** The golden vectors, each once as limits are not compared, and generated messages. */
export function seeds(): Uint8Array[] {
  return [
    ...vectorSeeds().filter(([, limits]) => limits === 0),
    ...Array.from({ length: 500 }, (_unused, seed) => generate(seed)),
  ];
}

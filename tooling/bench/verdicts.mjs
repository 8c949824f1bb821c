/**
 * Says what was aimed at and whether it is met; nothing when nothing could be judged.
 *
 * @param {string} title @param {readonly { met: boolean, text: string }[]} verdicts
 */
export function printVerdicts(title, verdicts) {
  if (verdicts.length === 0) return;
  console.log(`\n${title}:`);
  for (const { met, text } of verdicts) console.log(`  ${met ? 'met   ' : 'MISSED'}  ${text}`);
}

// Reads a Dockerfile: of its syntax, what the demo's needs. Anything else is an error, so that no step is overlooked.

/**
 * @typedef {object} Step
 * @property {string} instruction - in capitals, such as RUN.
 * @property {string} text - what follows it, on one line.
 *
 * @typedef {object} Stage
 * @property {string} image
 * @property {string | undefined} name
 * @property {readonly Step[]} steps
 */

const KNOWN = new Set('COPY CMD ENV EXPOSE HEALTHCHECK RUN STOPSIGNAL USER VOLUME WORKDIR'.split(' '));
const FROM = /^(\S+)(?: AS (\S+))?$/i;

/** @param {string} source @returns {readonly Stage[]} */
export function stagesOf(source) {
  /** @type {{ image: string, name: string | undefined, steps: Step[] }[]} */
  const stages = [];
  const lines = source
    .split('\n')
    .filter((line) => !/^\s*(?:#|$)/.test(line))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  for (const line of lines) {
    const [, instruction = '', text = ''] = /^([A-Z]+) (.+)$/.exec(line) ?? [];
    if (instruction === 'FROM') {
      const [, image = '', name] = FROM.exec(text) ?? [];
      stages.push({ image, name, steps: [] });
    } else if (KNOWN.has(instruction)) stages.at(-1)?.steps.push({ instruction, text });
    else throw new Error(`the check does not know how to perform: ${line}`);
  }
  return stages;
}

/** The only step of a stage with that instruction. @param {Stage} stage @param {string} instruction */
export function textOf({ image, steps }, instruction) {
  const [found, second] = steps.filter((step) => step.instruction === instruction);
  if (found === undefined || second !== undefined)
    throw new Error(`the stage from ${image} must have one ${instruction}`);
  return found.text;
}

/** The arguments of `CMD ["node", "main.js"]`, which is not passed to a shell. @param {string} text @returns {string[]} */
export function execForm(text) {
  try {
    const args = JSON.parse(text);
    if (Array.isArray(args)) return args;
  } catch {
    // The shell form, or no JSON.
  }
  throw new Error(`a list such as ["node", "main.js"] was expected, not ${text}`);
}

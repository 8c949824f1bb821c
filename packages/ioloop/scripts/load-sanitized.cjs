/**
 * For test-sanitized.mjs: loads the addon that LANDSPOUT_SANITIZED_ADDON names where the prebuilt one is asked for.
 * What asks keeps the name that it asked by, so that nothing else has to know.
 */
const { writeFileSync } = require('node:fs');

const { dlopen } = process;
process.dlopen = (module, path, ...flags) => {
  const isOurs = /\/prebuilds\/linux-[^/]+\/reactor\.node$/.test(path);
  if (isOurs) writeFileSync(process.env.LANDSPOUT_SANITIZED_MARK, '');
  return dlopen.call(process, module, isOurs ? process.env.LANDSPOUT_SANITIZED_ADDON : path, ...flags);
};

/**
 * Templates in files, with Eta 4, for the setting `templateEngine`. Needs the package `eta`.
 *
 * @packageDocumentation
 */

export { EtaEngine, type EtaEngineOptions, type EtaFunctions } from './eta-engine.ts';
export type { EtaSyntax, TemplateWhitespace } from './eta-options.ts';
export {
  PRECOMPILED_TYPES,
  type PrecompiledTemplate,
  type PrecompiledTemplates,
  type PrecompileOptions,
  precompileTemplates,
} from './precompiled.ts';

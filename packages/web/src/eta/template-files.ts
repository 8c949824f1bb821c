import { compileTemplate } from './compile-template.ts';
import type { CompileOptions } from './eta-options.ts';
import { createParser, type EtaParser } from './load-eta.ts';
import { TemplateFolder, type TemplateSource } from './template-folder.ts';
import { resolveTemplateName } from './template-name.ts';
import type { CompiledTemplate } from './template-scope.ts';

interface Entry {
  source: TemplateSource;
  readonly compiled: CompiledTemplate;
}

/** Maximum number of names of which the meaning is remembered. Names may come from clients. */
const MAX_ALIASES = 10_000;

/** The compiled templates of a folder. Only valid templates are remembered. */
export class TemplateFiles {
  readonly #folder: TemplateFolder;
  readonly #extension: string;
  readonly #options: CompileOptions;
  readonly #parser: EtaParser;
  readonly #entries = new Map<string, Entry>();
  /** The templates by the folder of the template that names them, and then by the name as it is written there. */
  readonly #aliases = new Map<string, Map<string, CompiledTemplate>>();
  #aliasCount = 0;
  #isCaching: boolean;

  /** @throws WebUsageError `ERR_WEB_USAGE` if the folder cannot be read. */
  constructor(views: unknown, extension: string, options: CompileOptions, isCaching: boolean) {
    this.#folder = new TemplateFolder('EtaEngine', views, extension);
    this.#extension = extension;
    this.#options = options;
    this.#parser = createParser(options);
    this.#isCaching = isCaching;
  }

  get folder(): string {
    return this.#folder.path;
  }

  get isCaching(): boolean {
    return this.#isCaching;
  }

  /** The number of compiled templates. */
  get count(): number {
    return this.#entries.size;
  }

  stopCaching(): void {
    this.#isCaching = false;
    this.#aliases.clear();
  }

  /** @throws TemplateError `ERR_WEB_TEMPLATE` if the template does not exist or is invalid. */
  find(name: unknown, from: string | undefined): CompiledTemplate {
    if (!this.#isCaching) return this.#fresh(resolveTemplateName(name, this.#extension, from));
    const place = from === undefined ? '' : from.slice(0, from.lastIndexOf('/') + 1) || '/';
    const known = this.#aliases.get(place)?.get(name as string);
    return known ?? this.#cached(name, from, place);
  }

  load(): number {
    const names = this.#folder.names();
    for (const name of names) this.find(name, undefined);
    return names.length;
  }

  #cached(name: unknown, from: string | undefined, place: string): CompiledTemplate {
    const path = resolveTemplateName(name, this.#extension, from);
    const compiled = this.#entries.get(path)?.compiled ?? this.#read(path);
    if (this.#aliasCount < MAX_ALIASES) {
      const names = this.#aliases.get(place) ?? new Map<string, CompiledTemplate>();
      this.#aliases.set(place, names.set(name as string, compiled));
      this.#aliasCount += 1;
    }
    return compiled;
  }

  /** Compiles a template again if its file has changed. */
  #fresh(path: string): CompiledTemplate {
    const known = this.#entries.get(path);
    if (known !== undefined && this.#folder.isCurrent(known.source)) return known.compiled;
    this.#folder.forgetSuggestions();
    return this.#read(path, known);
  }

  #read(path: string, known?: Entry): CompiledTemplate {
    const source = this.#folder.read(path);
    if (known !== undefined && known.source.file === source.file && known.source.text === source.text) {
      known.source = source;
      return known.compiled;
    }
    const { compiled } = compileTemplate(this.#parser, source, this.#options);
    this.#entries.set(path, { source, compiled });
    return compiled;
  }
}

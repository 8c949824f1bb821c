/** The build of every package, as tsup's configuration. @param entry - the package's front doors, from its folder. */
export declare function library(entry: readonly string[]): Record<string, unknown>;

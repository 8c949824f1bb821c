/**
 * Typed options of a program, from its command line, the environment and JSON files.
 *
 * @packageDocumentation
 */

export {};

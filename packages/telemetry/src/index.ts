/**
 * Metrics of a program on Landspout, as a page for Prometheus.
 *
 * @packageDocumentation
 */

export {};

export * from '@landspout/telemetry/opentelemetry';

export * from '@landspout/telemetry';

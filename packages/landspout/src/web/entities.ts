export * from '@landspout/web/entities';

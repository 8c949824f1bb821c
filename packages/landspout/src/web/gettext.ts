export * from '@landspout/web/gettext';

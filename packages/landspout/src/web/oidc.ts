export * from '@landspout/web/oidc';

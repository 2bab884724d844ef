import { defineParityTests } from './docker-parity/parity-tests.ts';

/** The docker command that Debian 12 brings. */
await defineParityTests((clients) => clients.find(({ version }) => version.startsWith('20.10.')));

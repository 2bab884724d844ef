import { defineParityTests } from './docker-parity/parity-tests.ts';

/** The newest docker command of the machine. */
await defineParityTests((clients) => clients[0]);

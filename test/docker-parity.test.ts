import { defineParityTests } from './docker-parity/parity-tests.ts';

// The newest docker command of the machine, and the one that Debian 12 brings.
await defineParityTests([/^2[89]\./, /^20\.10\./]);

import { run } from '../../shared/lifecycle/run.ts';
import { VARIABLES, toConfig } from './config.ts';
import { startWhatsApp } from './service.ts';

/** How long the telemetry that is sent at `beforeExit` may take. */
const LAST_EXPORT_MS = 1_000;

process.exitCode = await run({ name: 'whatsapp', variables: VARIABLES, toConfig, start: startWhatsApp });

// Baileys 7.0.0-rc14 never clears the 30 s timer of a prekey upload (`Socket/socket.js`, `uploadPreKeys`), which would
// hold a process that has nothing left to do. Nothing else of this service is on the event loop any more.
process.emit('beforeExit', process.exitCode);
setTimeout(() => process.exit(), LAST_EXPORT_MS).unref();

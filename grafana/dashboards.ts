import { canary } from './dashboards/canary.ts';
import { connect } from './dashboards/connect.ts';
import { load } from './dashboards/load.ts';
import { nats } from './dashboards/nats.ts';
import { objectives } from './dashboards/objectives.ts';
import { runbooks } from './dashboards/runbooks.ts';
import { sessions } from './dashboards/sessions.ts';
import { socket } from './dashboards/socket.ts';
import { telemetry } from './dashboards/telemetry.ts';
import type { DashboardSpec } from './panel.ts';

/** All dashboards, the one to land on first. */
export const SPECS: readonly DashboardSpec[] = [
  connect,
  nats,
  sessions,
  socket,
  objectives,
  canary,
  load,
  telemetry,
  runbooks,
];

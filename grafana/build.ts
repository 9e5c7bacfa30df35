/** Part of `npm run dashboards`: writes the dashboards as the JSON that Grafana reads. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { SPECS } from './dashboards.ts';
import { formatDashboard, toDashboards } from './layout.ts';

const FOLDER = new URL('generated/', import.meta.url);

// A dashboard that was renamed must not stay behind under its old name.
await rm(FOLDER, { recursive: true, force: true });
await mkdir(FOLDER);
for (const dashboard of toDashboards(SPECS)) {
  await writeFile(new URL(`${dashboard.uid}.json`, FOLDER), formatDashboard(dashboard));
}

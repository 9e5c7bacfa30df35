import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { renderHtml } from './html.ts';
import type { LoadReport } from './report.ts';

/** Writes `report.json` and `report.html` into the folder, which exists; answers their paths. */
export async function writeReport(folder: string, report: LoadReport): Promise<readonly string[]> {
  const json = join(folder, 'report.json');
  const html = join(folder, 'report.html');
  await writeFile(json, `${JSON.stringify(report, undefined, 2)}\n`);
  await writeFile(html, renderHtml(report));
  return [json, html];
}

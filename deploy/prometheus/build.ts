/** Part of `npm run dashboards`: writes the rules as the file that Prometheus reads. */
import { writeFile } from 'node:fs/promises';
import { formatRules, RULE_GROUPS } from './rule-file.ts';

await writeFile(new URL('generated/rules.yml', import.meta.url), formatRules(RULE_GROUPS));

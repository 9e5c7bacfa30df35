import { readFileSync } from 'node:fs';
import { text, type DashboardSpec } from '../panel.ts';

const FILE = new URL('../../deploy/prometheus/runbooks.md', import.meta.url);

/** The sections of the runbooks, one for each alert; links between them lead to the alert's name on this page. */
function readSections(): readonly { readonly title: string; readonly markdown: string }[] {
  const [, ...sections] = readFileSync(FILE, 'utf8').split(/^## /m);
  return sections.map((section) => {
    const [title = '', ...lines] = section.split('\n');
    return {
      title,
      markdown: lines
        .join('\n')
        .trim()
        .replaceAll(/\[([^\]]+)\]\(#[^)]+\)/g, '**$1**'),
    };
  });
}

/** The runbooks where the person on call already is. The text is `deploy/prometheus/runbooks.md`. */
export const runbooks: DashboardSpec = {
  name: 'runbooks',
  title: 'Runbooks',
  description: 'What each alert means, how to see it, and what to do first.',
  sections: [
    {
      title: 'One for each alert',
      panels: readSections().map(({ title, markdown }) =>
        text({
          title,
          description: `What to do when ${title} fires. The text is kept in deploy/prometheus/runbooks.md.`,
          width: 12,
          height: 10,
          markdown,
        }),
      ),
    },
  ],
};

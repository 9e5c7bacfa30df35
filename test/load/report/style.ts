/** Light and dark, on screen and on paper. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6470; --line: #d8dde3; --page: #fff; --card: #f6f8fa;
  --a: #0b6bcb; --b: #b35900; --c: #8a94a0; --good: #1a7f37; --bad: #c4281c; --void: #8a6100; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --soft: #9aa4b0; --line: #333b45; --page: #14181d;
  --card: #1c2229; --a: #58a6ff; --b: #f0883e; --c: #7d8794; --good: #3fb950; --bad: #ff7b72; --void: #d9a520; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.35rem; line-height: 1.3; margin: .3rem 0; text-wrap: balance; }
h2 { font-size: 1.05rem; margin: 2.2rem 0 .1rem; }
code { font-size: .85em; overflow-wrap: anywhere; }
.verdict { display: inline-block; margin: 0; padding: .1rem .6rem; border-radius: 4px; font-weight: 700; color: var(--page); background: var(--good); }
.verdict.failed { background: var(--bad); } .verdict.void { background: var(--void); }
.reasons { color: var(--bad); padding-left: 1.2rem; margin: .3rem 0; }
.meta, .note { color: var(--soft); margin: .1rem 0 .6rem; font-size: .9rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .6rem; margin: 1.2rem 0 0; }
.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: .5rem .75rem; }
.tiles dt { color: var(--soft); font-size: .8rem; } .tiles dd { margin: 0; font-size: 1.4rem; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .22rem .9rem .22rem 0; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child { text-align: left; font-weight: 500; } thead th { color: var(--soft); font-weight: 400; font-size: .85rem; }
.pairs td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
tr.bad th, tr.bad td { color: var(--bad); font-weight: 700; }
.examples { color: var(--bad); font-size: .85rem; }
td.wide { width: 14rem; } .bar { position: relative; display: block; height: .7rem; width: 14rem; background: var(--card); }
.bar i, .bar b { position: absolute; inset: 0 auto 0 0; background: var(--b); opacity: .45; } .bar b { background: var(--a); opacity: 1; }
svg { display: block; width: 100%; min-width: 38rem; height: auto; } svg text { fill: var(--soft); font: 12px system-ui, sans-serif; }
svg .grid { stroke: var(--line); } svg .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.legend { display: flex; gap: 1.2rem; flex-wrap: wrap; font-size: .85rem; color: var(--soft); margin: .2rem 0; padding: 0; list-style: none; }
.legend i { display: inline-block; width: 1.4rem; border-top: 3px solid; vertical-align: middle; margin-right: .4rem; }
.legend i.dashed { border-top-style: dashed; }
@media print { section { break-inside: avoid; } }
`;

import { escapeHtml, renderPage } from '../shared/html.ts';
import type { PageSettings } from '../shared/settings.ts';
import type { Choice } from '../shared/vote.ts';
import { sharePercent } from './tally.ts';
import type { Tally } from './tally.ts';

export interface ResultPageView {
  readonly settings: PageSettings;
  readonly hostName: string;
  readonly tally: Tally;
}

/** The page with the two shares; script keeps it up to date, without script it is still true. */
export function renderResultPage(view: ResultPageView): ReturnType<typeof renderPage> {
  const { settings, tally } = view;
  const percent = sharePercent(tally);
  return renderPage({
    title: `${settings.optionA} or ${settings.optionB}: the result`,
    style: resultStyle,
    script: resultScript,
    main: `
<h1>${escapeHtml(settings.optionA)} or ${escapeHtml(settings.optionB)}?</h1>
<p class="lead"><span id="total">${formatVotes(tally.total)}</span>
<span id="state" role="status"></span></p>
<div class="shares">
${renderShare('a', { option: settings.optionA, percent, tally })}
${renderShare('b', { option: settings.optionB, percent: 100 - percent, tally })}
</div>
<svg class="bar" aria-hidden="true" focusable="false">
<rect class="b" width="100%" height="100%"/>
<rect class="a" id="share" width="${percent.toFixed(3)}%" height="100%"/>
<rect class="middle" x="50%" width="2" height="100%"/>
</svg>
<p id="announcement" class="unseen" aria-live="polite"></p>`,
    footer: `Served by container <code>${escapeHtml(view.hostName)}</code>, version
<code>${escapeHtml(settings.version)}</code>`,
  });
}

interface Share {
  readonly option: string;
  readonly percent: number;
  readonly tally: Tally;
}

function renderShare(choice: Choice, { option, percent, tally }: Share): string {
  const shown = tally.total === 0 ? '–' : `${percent.toFixed(1)} %`;
  return `<section class="share ${choice}"><h2>${escapeHtml(option)}</h2>
<p class="percent" id="percent-${choice}">${shown}</p>
<p class="count" id="count-${choice}">${formatVotes(tally[choice])}</p></section>`;
}

function formatVotes(count: number): string {
  if (count === 0) return 'No votes yet';
  return count === 1 ? '1 vote' : `${count.toLocaleString('en')} votes`;
}

const resultStyle = `
#state::before { content: ''; display: inline-block; width: .6em; height: .6em;
  margin: 0 .4em 0 .8em; border-radius: 50%; background: var(--quiet); }
#state.live::before { background: var(--good); }
#state:empty { display: none; }
.shares { display: flex; justify-content: space-between; gap: 1.5rem; margin-bottom: 1rem; }
.share.b { text-align: right; }
.share h2 { margin: 0; font-size: 1.25rem; font-weight: 600; overflow-wrap: anywhere; }
.share p { margin: 0; font-variant-numeric: tabular-nums; }
.percent { font-size: clamp(2.4rem, 10vw, 5.5rem); font-weight: 700; line-height: 1.1;
  letter-spacing: -.03em; white-space: nowrap; }
.share.a .percent { color: var(--a); }
.share.b .percent { color: var(--b); }
.count { color: var(--quiet); }
.bar { display: block; width: 100%; height: clamp(3.5rem, 18vh, 9rem); border-radius: 1rem; }
.bar .a { fill: var(--a); transition: width .45s cubic-bezier(.2, .7, .2, 1); }
.bar .b { fill: var(--b); }
.bar .middle { fill: var(--ground); opacity: .75; transform: translateX(-1px); }
.unseen { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap; }
@media (prefers-reduced-motion: reduce) { .bar .a { transition: none; } }
`;

/** People who listen are told the result when it has settled, not at every vote. */
const resultScript = `
const element = (id) => document.getElementById(id);
const names = [...document.querySelectorAll('.share h2')].map((heading) => heading.textContent);
const formatVotes = (count) => count === 0 ? 'No votes yet'
  : count === 1 ? '1 vote' : count.toLocaleString('en') + ' votes';
let announcing;
function show({ a, b, total }) {
  const percent = total === 0 ? 50 : (a / total) * 100;
  element('share').style.width = percent.toFixed(3) + '%';
  for (const [choice, count, share] of [['a', a, percent], ['b', b, 100 - percent]]) {
    element('count-' + choice).textContent = formatVotes(count);
    const shown = total === 0 ? '\\u2013' : share.toFixed(1) + '\\u00a0%';
    element('percent-' + choice).textContent = shown;
  }
  element('total').textContent = formatVotes(total);
  clearTimeout(announcing);
  announcing = setTimeout(() => {
    element('announcement').textContent = names[0] + ': ' + a + ', ' + names[1] + ': ' + b;
  }, 2000);
}
function setState(live) {
  element('state').textContent = live ? 'Live' : 'Connecting again';
  element('state').className = live ? 'live' : '';
}
let source;
function connect() {
  source = new EventSource('/api/events');
  source.onopen = () => setState(true);
  source.onmessage = (event) => show(JSON.parse(event.data));
  source.onerror = () => {
    setState(false);
    // The browser comes back by itself after a lost connection, but not after an error status.
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 1000);
  };
}
connect();
`;

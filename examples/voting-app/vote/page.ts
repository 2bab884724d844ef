import { escapeHtml, renderPage } from '../shared/html.ts';
import type { PageSettings } from '../shared/settings.ts';
import type { Choice } from '../shared/vote.ts';

export interface VotePageView {
  readonly settings: PageSettings;
  readonly hostName: string;
  /** What this visitor just voted for. */
  readonly choice?: Choice | undefined;
}

/** The page with the two buttons; it works without script. */
export function renderVotePage(view: VotePageView): ReturnType<typeof renderPage> {
  const { optionA, optionB, version } = view.settings;
  return renderPage({
    title: `${optionA} or ${optionB}?`,
    style: voteStyle,
    script: '',
    main: `
<h1>${escapeHtml(optionA)} or ${escapeHtml(optionB)}?</h1>
<p class="lead" role="status">${statusLine(view)}</p>
<form method="post" action="/">
${renderButton('a', optionA, view.choice)}
${renderButton('b', optionB, view.choice)}
</form>`,
    footer: `Served by container <code>${escapeHtml(view.hostName)}</code>, version
<code>${escapeHtml(version)}</code>`,
  });
}

function statusLine({ choice, settings }: VotePageView): string {
  if (choice === undefined) return 'One vote for each browser. You can change your mind.';
  const option = choice === 'a' ? settings.optionA : settings.optionB;
  return `Your vote for <strong>${escapeHtml(option)}</strong> is in. You can change your mind.`;
}

function renderButton(choice: Choice, option: string, chosen: Choice | undefined): string {
  const isChosen = choice === chosen;
  return `<button class="option ${choice}" type="submit" name="vote" value="${choice}"
aria-pressed="${isChosen}"><span class="name">${escapeHtml(option)}</span>
<span class="mark">${isChosen ? 'Your vote' : 'Vote'}</span></button>`;
}

const voteStyle = `
form { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr));
  gap: 1rem; }
.option {
  display: flex; flex-direction: column; justify-content: space-between; gap: 1.5rem;
  min-height: clamp(8.5rem, 27vh, 16rem); padding: 1.5rem; border: 3px solid transparent;
  border-radius: 1rem; font: inherit; text-align: left; cursor: pointer;
  color: var(--on-option); background: var(--option);
  transition: transform .15s ease, box-shadow .15s ease;
}
.option.a { --option: var(--a); }
.option.b { --option: var(--b); }
.option:hover { transform: translateY(-3px); box-shadow: 0 .6rem 1.6rem rgb(0 0 0 / .22); }
.option:active { transform: none; }
.name { font-size: clamp(1.9rem, 6vw, 3.5rem); font-weight: 700; line-height: 1.1;
  letter-spacing: -.02em; overflow-wrap: anywhere; }
.mark { align-self: flex-start; padding: .3rem .9rem; border: 2px solid currentcolor;
  border-radius: 99px; font-weight: 600; }
.option[aria-pressed="true"] .mark { background: var(--on-option); color: var(--option);
  border-color: var(--on-option); }
.option[aria-pressed="true"] .mark::before { content: '\\2713\\a0'; }
.option[aria-pressed="true"] { border-color: var(--ink); }
@media (min-width: 40rem) { .option { min-height: clamp(11rem, 42vh, 24rem); } }
@media (prefers-reduced-motion: reduce) { .option { transition: none; } }
`;

import { createHash } from 'node:crypto';

/** Makes text safe inside HTML text and quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

export interface PageParts {
  readonly title: string;
  readonly style: string;
  /** Inline script; empty for a page that needs none. */
  readonly script: string;
  /** HTML of `<main>`, already escaped. */
  readonly main: string;
  /** HTML of `<footer>`, already escaped. */
  readonly footer: string;
}

/** A whole page and the headers that go with it: nothing from elsewhere may load or run in it. */
export function renderPage(parts: PageParts): { html: string; headers: Record<string, string> } {
  const style = `${commonStyle}${parts.style}`;
  const script = parts.script === '' ? '' : `<script type="module">${parts.script}</script>`;
  const policy = [
    "default-src 'none'",
    `style-src ${sourceHash(style)}`,
    parts.script === '' ? "script-src 'none'" : `script-src ${sourceHash(parts.script)}`,
    "connect-src 'self'",
    "form-action 'self'",
    'img-src data:',
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return {
    html: `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(parts.title)}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<main>${parts.main}</main>
<footer>${parts.footer}</footer>
${script}
</body>
</html>
`,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': policy,
      'referrer-policy': 'no-referrer',
    },
  };
}

function sourceHash(source: string): string {
  return `'sha256-${createHash('sha256').update(source).digest('base64')}'`;
}

/** Colours of the two options reach a contrast of at least 4.5 on both grounds. */
const commonStyle = `
:root {
  color-scheme: light dark;
  --ground: #f6f5f1; --surface: #ffffff; --line: #dcd9d0; --ink: #1d1b16; --quiet: #625d52;
  --a: #0a5fb4; --b: #b03a0b; --on-option: #ffffff; --focus: #1d1b16;
  --good: #1a8a4a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14161a; --surface: #1d2026; --line: #343943; --ink: #f1efe9; --quiet: #a8a59c;
    --a: #6db3ff; --b: #ff9a6b; --on-option: #10131a; --focus: #f1efe9;
    --good: #4fd08a;
  }
}
*, *::before, *::after { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; min-height: 100dvh; display: flex; flex-direction: column;
  background: var(--ground); color: var(--ink);
  font: 1.0625rem/1.5 system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif;
}
main { width: 100%; max-width: 60rem; margin: auto; padding: 1.5rem 1.25rem; }
h1 { margin: 0 0 .35rem; font-size: clamp(1.9rem, 5.5vw, 3.25rem); line-height: 1.1;
  letter-spacing: -.025em; text-wrap: balance; }
.lead { margin: 0 0 2rem; color: var(--quiet); }
footer {
  padding: 1rem 1.25rem 1.5rem; color: var(--quiet); font-size: .875rem; text-align: center;
}
code { font: .9em ui-monospace, 'DejaVu Sans Mono', monospace; color: var(--ink); }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 3px; }
`;

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TuttiError } from '../lib/error.ts';
import { parseTemplate } from './go-template-parse.ts';
import { runTemplate } from './go-template-run.ts';

const root = {
  Service: { Name: 'web', Labels: new Map([['tier', 'front']]) },
  Task: { Slot: '2' },
};
const functions = new Map([['env', () => 'HUSH']]);

function fill(text: string): string {
  return runTemplate(parseTemplate(text), { root, functions });
}

// Those without fields were held beside Go's text/template: `docker version --format`.
const table: readonly (readonly [template: string, result: string])[] = [
  ['plain', 'plain'],
  ['', ''],
  ['a {{.Service.Name}} b', 'a web b'],
  ['{{ .Service.Name }}-{{.Task.Slot}}', 'web-2'],
  ['{{.Service.Labels.tier}}', 'front'],
  ['{{index .Service.Labels "tier"}}', 'front'],
  ['{{index .Service.Labels "none"}}', ''],
  ['{{"{{"}}.Names}}', '{{.Names}}'],
  ['{{`a "b" }}`}}', 'a "b" }}'],
  ['{{"tab\\there"}}', 'tab\there'],
  ['a {{- .Task.Slot -}} b', 'a2b'],
  ['a  {{- /* gone }} */ -}}  b', 'ab'],
  ['{{/* gone */}}x', 'x'],
  ['{{if eq .Service.Name "web"}}yes{{else}}no{{end}}', 'yes'],
  ['{{if ne .Service.Name "web"}}yes{{else}}no{{end}}', 'no'],
  ['{{if false}}a{{else if eq .Task.Slot "2"}}b{{else}}c{{end}}d', 'bd'],
  ['{{if false}}a{{else if false}}b{{else}}c{{end}}d', 'cd'],
  ['{{if ""}}a{{end}}b', 'b'],
  ['{{if and true (not false)}}{{if or 0 1}}x{{end}}{{end}}', 'x'],
  ['{{env "A" | printf "%s/%q"}}', 'refused: printf lacks a value'],
  ['{{.Task.Slot | printf "%s-%s" .Service.Name}}', 'web-2'],
  ['{{printf "%d%%" 7}}', '7%'],
  ['{{(index .Service.Labels "tier") | len}}', '5'],
  ['{{len "äö"}}', '4'],
  ['{{print 1 2 "a" 3}}', '1 2a3'],
  ['{{and 1 2 3}} {{or 0 ""}}|', '3 |'],
  ['{{eq 1 2 1}}', 'true'],
  ['x\n{{- "a" }}\n  y {{ "b" -}}\n z', 'xa\n  y bz'],
  ['{{join "," "a" "b"}}', 'a,b'],
  ['{{env "A"}}', 'HUSH'],
  ['{{print .Service.Name 1 true}}', 'web1 true'],
];

test('templates come out as in Go', () => {
  for (const [template, result] of table) {
    if (result.startsWith('refused: ')) assert.throws(() => fill(template), TuttiError);
    else assert.equal(fill(template), result, template);
  }
});

const refused: readonly (readonly [template: string, says: RegExp])[] = [
  ['{{.Service.Nmae}}', /\{\{\.Service\.Nmae\}\}: \.Service\.Nmae means nothing here/],
  ['{{.Service.Labels.none}}', /\.Service\.Labels has no entry none/],
  ['{{.Service.Name.First}}', /means nothing here/],
  ['{{.Service}}', /stands for several values/],
  ['{{.constructor}}', /means nothing here/],
  ['{{.Service.Labels.get}}', /has no entry get/],
  ['{{nosuch 1}}', /there is no function nosuch/],
  ['{{toString}}', /there is no function toString/],
  ['{{.Service.Name', /it has no \}\}/],
  ['{{"open}}', /it has no "/],
  ['{{if true}}x', /\{\{if true\}\}: it has no \{\{end\}\}/],
  ['x{{end}}', /there is no \{\{if\}\} before it/],
  ['{{if true}}a{{else}}b{{else}}c{{end}}', /has an \{\{else\}\} already/],
  ['{{}}', /a value is missing/],
  ['{{.Task.Slot .Service.Name}}', /a value is no function/],
  ['{{.Task.Slot | .Service.Name}}', /only a function/],
  ['{{(.Task.Slot}}', /\) is missing/],
  ['{{index .Service.Labels}}', /index takes a map and a key/],
  ['{{printf "%s" 1}}', /%s does not fit the value 1/],
  ['{{range .Service.Labels}}x{{end}}', /range is not supported/],
  ['{{$x := 1}}', /is not understood/],
  ['{{"\\x41"}}', /escape that is not understood/],
];

test('what means nothing is refused with the placeholder and the reason', () => {
  for (const [template, says] of refused) {
    assert.throws(
      () => fill(template),
      (error) => error instanceof TuttiError && says.test(error.message),
      template,
    );
  }
});

test('a hostile template costs no more than its length', () => {
  const hostile = ['{{ "" '.repeat(20_000), '{{('.repeat(20_000), `{{${'"" '.repeat(50_000)}`];
  for (const text of hostile) assert.throws(() => fill(text), TuttiError);
  assert.throws(() => fill('{{if true}}'.repeat(20_000)), /nested more than/);
  assert.throws(() => fill(`{{${'('.repeat(1_000)}1${')'.repeat(1_000)}}}`), /parentheses/);
});

/** A test, or a whole suite, that Node's runner passed over. */
export interface SkippedTest {
  readonly name: string;
  /** Why, where the test says it. */
  readonly reason: string;
}

/** Such as `﹣ the name (0.9ms) # the reason`, as the reporter `spec` writes it. */
const skippedLine = /^\s*﹣ (?<name>.*) \([\d.]+ms\)(?: # (?<reason>.*))?$/gmu;

/**
 * What was passed over, as Node's runner tells it. Its counts leave suites out: a suite that is
 * skipped would go unnoticed.
 */
export function skippedTests(output: string): readonly SkippedTest[] {
  return [...output.matchAll(skippedLine)].map(({ groups }) => ({
    name: groups?.['name'] ?? '',
    reason: groups?.['reason'] ?? '',
  }));
}

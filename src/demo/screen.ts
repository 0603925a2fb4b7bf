import type { Peek } from "#demo/peek.ts";
import type { ImportResult } from "#intake/import-result.ts";
import { styleText } from "node:util";
import { comparison } from "#demo/before-after.ts";
import { letterLines, remedyLines, softLines, stayLines } from "#demo/letters.ts";
import type { SamplePolicy } from "#demo/policies.ts";
import type { Told } from "#demo/story.ts";
import { timeZone } from "#demo/workspace.ts";
import { summaryText } from "#report/summary-text.ts";

export type NightShown = Told & {
  readonly policy: SamplePolicy;
  readonly imported: ImportResult;
  readonly before: Peek;
  readonly after: Peek;
  /** Requests that wait or failed, by code. */
  readonly stopped: readonly { readonly code: string; readonly requests: number }[];
  /** Steps of the verification that passed. */
  readonly checks: number;
  /** E.g. `12.4 s`. */
  readonly took: string;
  /** Ways from the working directory, as the reader would type them. */
  readonly report: string;
  readonly key: string;
  readonly config: string;
  readonly policyFile: string;
  /** `npx lethe`, or what runs it in a clone. */
  readonly command: string;
};

const width = 78;
const indent = " ".repeat(10);

/** What a newcomer sees at the end: what became of whom, what did not change, and how to check it. */
export const demoScreen = (night: NightShown, colour: boolean): string => {
  const heading = (title: string): string => {
    const text = `${title} ${"─".repeat(width - title.length - 1)}`;
    return `\n${colour ? styleText("bold", text, { validateStream: false }) : text}`;
  };
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : [heading(title), ...lines];
  const policy = night.policy === "juicyway" ? "" : `, policy ${night.policy}`;
  return [
    "",
    summaryText(
      { ...night.run, report: night.report },
      { title: `Lethe · Lumen Streaming GmbH (sample)${policy}`, took: night.took, timeZone, width, colour },
    ),
    ...section("The letter-box", letterLines(night)),
    ...section("Settled with the deletion", remedyLines(night)),
    ...section("What the database does about it", softLines(night)),
    ...section("Personal data that stays, because the policy says so", stayLines(night)),
    ...section("Before and after, read back from the company's database", comparison(night)),
    heading("Check it without us"),
    `${indent}${night.checks} checks have just passed. This repeats them, offline:`,
    `  ${night.command} verify \\`,
    `    ${night.report} \\`,
    `    --key ${night.key}`,
    heading("Try next"),
    ...suggestions(night),
  ].join("\n");
};

const suggestions = ({ policy, command, config, policyFile, report }: NightShown): string[] => [
  "  1  Run the night again: nobody is erased twice, and who waits still waits.",
  `     ${command} run --config ${config}`,
  "  2  Cheat: change the report, then verify as above (exit status 4).",
  `     echo >> ${report}/report.json`,
  ...(policy === "juicyway"
    ? [
        `  3  Delete the line \`birth_date:\` under \`customers\` in ${policyFile}:`,
        "     Lethe does not guess, and says what is missing.",
        `     ${command} policy check --config ${config}`,
      ]
    : [
        "  3  Ask what happens to a column, and why.",
        `     ${command} policy explain invoices.billing_name \\`,
        `       --config ${config}`,
      ]),
  "  4  See what five companies mean by deletion, side by side.",
  `     ${command} demo --compare`,
];

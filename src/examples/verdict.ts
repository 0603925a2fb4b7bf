import { formatPlace } from "#lib/errors.ts";
import type { Finding } from "#plan/finding.ts";
import type { Policy } from "#policy/policy.ts";
import type { Blocked } from "#scope/row-sets.ts";
import type { Fate } from "#examples/fates.ts";
import { exampleFinding, expectedBlock, type Numbered } from "#examples/given.ts";

/** What came out when an example was run. */
export type Outcome =
  | { readonly kind: "blocked"; readonly by: Blocked }
  /** The batch would have been undone. */
  | { readonly kind: "failed"; readonly why: string; readonly hint: string }
  | { readonly kind: "done"; readonly fates: ReadonlyMap<string, readonly Fate[]> };

/** Where what came out is not what the example expects, row by row. */
export const verdictOn = (policy: Policy, numbered: Numbered, outcome: Outcome): readonly Finding[] => {
  const code = expectedBlock(numbered.example);
  const at = code === undefined ? ["then"] : ["then", "blocked"];
  const expected = code === undefined ? "expected it to go through" : `expected it to be blocked by ${code}`;
  switch (outcome.kind) {
    case "failed":
      return [exampleFinding(policy, numbered, at, `${expected}, but ${outcome.why}`, outcome.hint)];
    case "blocked": {
      const codes = [outcome.by.code, ...outcome.by.also];
      if (code !== undefined && codes.includes(code)) return [];
      const hint = `see ${codes.map((each) => blockerPlace(policy, each)).join(", ")}: change its conditions, or the rows`;
      return [exampleFinding(policy, numbered, at, `${expected}, was blocked by ${codes.join(" and ")}`, hint)];
    }
    case "done":
      if (code === undefined) return rowFindings(policy, numbered, outcome.fates);
      return [
        exampleFinding(
          policy,
          numbered,
          at,
          `${expected}, was not blocked`,
          policy.blockers.find((blocker) => blocker.code === code)?.remedy === undefined
            ? `give rows that meet every condition of ${blockerPlace(policy, code)}`
            : `${blockerPlace(policy, code)} has a remedy: it blocks when its option is false, or with \`then: block\``,
        ),
      ];
  }
};

const blockerPlace = (policy: Policy, code: string): string => {
  const index = policy.blockers.findIndex((blocker) => blocker.code === code);
  // A row that can be neither erased nor cut loose: no line of the policy says so.
  return index < 0 ? code : `${code} at ${formatPlace(policy.placeOf(["blockers", index]))}`;
};

const rowFindings = (
  policy: Policy,
  numbered: Numbered,
  fates: ReadonlyMap<string, readonly Fate[]>,
): readonly Finding[] =>
  Object.entries(numbered.example.then).flatMap(([table, written]) =>
    (fates.get(table) ?? []).flatMap((fate, position, all): readonly Finding[] => {
      const expected = typeof written === "string" ? written : written[position];
      if (expected === undefined || expected === fate.word || expected === fateText(fate)) return [];
      const row = all.length === 1 ? table : `row ${position + 1} of ${table}`;
      return [
        exampleFinding(
          policy,
          numbered,
          ["then", table, ...(typeof written === "string" ? [] : [position])],
          `${row}: expected ${expected}, was ${fateText(fate)}`,
          hintFor(policy, table, fate),
        ),
      ];
    }),
  );

const fateText = ({ word, until }: Fate): string => (until === undefined ? word : `${word} until ${until}`);

const hintFor = (policy: Policy, table: string, { word, until, remedies }: Fate): string => {
  const rule = policy.tables[table];
  const at = formatPlace(policy.placeOf(["tables", table]));
  const explain = `\`lethe policy explain ${table}\` says why`;
  switch (word) {
    case "kept":
      return rule === undefined || rule.treatment === "keep"
        ? `no rule touches ${table} (${at}): ${explain}`
        : `the row belongs to nobody who asks: fill the column that leads to ${policy.subject.table}; ${explain}`;
    case "spared":
      return `somebody who did not ask has the row too: \`owner\` says whose rows of ${table} are; ${explain}`;
    case "remedied":
      return `the remedy of ${remedies.map((code) => blockerPlace(policy, code)).join(", ")} takes the row`;
    case "unlinked":
      return "the row is somebody else's, and only its reference to an erased row was emptied";
    case "retained":
      if (until === undefined && rule?.treatment === "retain") {
        return `give the row its ${rule.clock}: the period counts from it`;
      }
      return `the rule at ${at} retains it; ${explain}`;
    case "erased":
    case "anonymised":
    case "stays":
      return `the rule at ${at} says ${rule?.treatment ?? "nothing"}: change the rule, or what the example expects`;
  }
};

import { digestOf, type Json } from "#lib/canonical.ts";
import { refuseMistakes } from "#lib/mistakes.ts";
import { readYaml } from "#lib/yaml-document.ts";
import { nowhere, resolveClasses } from "#policy/classes.ts";
import { conserveOf } from "#policy/conserve.ts";
import { lawOf, type Under } from "#policy/law.ts";
import { mapValues } from "#policy/map-values.ts";
import { blockerOf, conditionOf, type Counts } from "#policy/parse-blockers.ts";
import { ruleOf, setTo } from "#policy/parse-rules.ts";
import type { ColumnName, Deletion, Link, Policy } from "#policy/policy.ts";
import type { PolicyDocument, WrittenRule } from "#policy/schema/document.ts";
import { policySchema } from "#policy/schema/document.ts";
import { selfContradictions } from "#policy/self-check.ts";

const hint = "mend the policy; nothing was changed";

/**
 * From the text of a policy file to a `Policy`. Throws one `POLICY_INVALID` that lists every mistake with file, line
 * and column: syntax first, then unknown, missing and wrong values, then what contradicts itself inside the document.
 * The digest is over the values: comments, order of keys and formatting do not change it. `under`: whose law the classes are of that the policy
 * takes from a law.
 */
export const parsePolicy = (file: string, text: string, under: Under = nowhere): Policy => {
  const code = "POLICY_INVALID";
  const document = readYaml({ file, text, schema: policySchema, code, hint, explainKey, exactNumbers: true });
  const { classes, mistakes } = resolveClasses(document.value, document, under);
  refuseMistakes(code, [...selfContradictions(document.value, document), ...mistakes], hint);
  const statute = lawOf(under, "voucher");
  const origin = { file, digest: digestOfPolicy(document.plain, classes), placeOf: document.placeOf };
  return policyOf(document.value, {}, { ...origin, classes, statute });
};

/** What a law says is part of what the policy says: its new version is a new policy, in every report. */
const digestOfPolicy = (document: Json, classes: Policy["classes"]): string => {
  const ofLaw = Object.entries(classes).flatMap(([name, { basis, period, anchor, law }]) =>
    law === undefined ? [] : [[name, { basis, period, anchor }] as const],
  );
  return digestOf(ofLaw.length === 0 ? document : { document, classes: Object.fromEntries(ofLaw) });
};

const analyticsKeys: readonly string[] = ["quasi", "k", "conserve", "per"] satisfies (keyof Extract<
  WrittenRule,
  { treatment: "anonymise" }
>)[];

const explainKey = (path: readonly (string | number)[], key: string): string | undefined =>
  path.length === 2 && path[0] === "tables" && analyticsKeys.includes(key)
    ? "only a table that is treated with `anonymise` is measured"
    : undefined;

const policyOf = (
  written: PolicyDocument,
  options: Readonly<Record<string, boolean>>,
  origin: Pick<Policy, "file" | "digest" | "placeOf" | "classes" | "statute">,
): Policy => {
  const counts: Counts = (option) => option === undefined || (options[option] ?? written.options?.[option]) === true;
  return {
    name: written.policy,
    version: written.version,
    effective: written.effective,
    owner: written.owner,
    deletion: deletionOf(written.deletion),
    purposes: written.purposes,
    subject: {
      table: written.subject.table,
      key: written.subject.key,
      identifiers: Object.fromEntries(
        Object.entries(written.subject.identifiers).filter((entry) => entry[1] !== undefined),
      ),
      names: written.subject.names ?? [],
    },
    links: (written.links ?? []).map(linkOf),
    tables: mapValues(written.tables, ruleOf),
    blockers: (written.blockers ?? []).map((blocker) => blockerOf(blocker, counts)),
    recipients: (written.recipients ?? []).flatMap(({ if: option, ...recipient }, index) =>
      counts(option) ? [{ ...recipient, index }] : [],
    ),
    figures: (written.figures ?? []).map(({ figure, table, measure, where, equal }) => ({
      figure,
      table,
      measure: conserveOf(measure),
      where: mapValues(where ?? {}, conditionOf),
      equal: equal ?? false,
    })),
    examples: (written.examples ?? []).map(({ options: set = {}, ...example }) => ({ ...example, options: set })),
    withOptions: (set) => policyOf(written, set, origin),
    ...origin,
  };
};

const deletionOf = (written: PolicyDocument["deletion"] = { mode: "hard" }): Deletion => ({
  mode: written.mode,
  grace: "grace" in written ? written.grace : undefined,
  mark:
    "set" in written
      ? { set: mapValues(written.set, setTo), hiddenFrom: written.hidden_from ?? [], refuse: written.refuse ?? [] }
      : undefined,
});

type WrittenLink = NonNullable<PolicyDocument["links"]>[number];

/** `from` and `to` of a link in either form. */
const linkOf = (written: WrittenLink): Link => {
  if (typeof written !== "string") {
    return { from: columnNameOf(written.from), to: columnNameOf(written.to), where: written.where ?? {} };
  }
  const [from = "", to = ""] = written.split("->");
  return { from: columnNameOf(from.trim()), to: columnNameOf(to.trim()), where: {} };
};

const columnNameOf = (written: string): ColumnName => {
  const dot = written.lastIndexOf(".");
  return { table: written.slice(0, dot), column: written.slice(dot + 1) };
};

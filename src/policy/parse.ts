import { digestOf, type Json } from "#lib/canonical.ts";
import { refuseMistakes, type Mistake } from "#lib/mistakes.ts";
import { readYaml, type YamlDocument } from "#lib/yaml-document.ts";
import { nowhere, resolveClasses } from "#policy/classes.ts";
import { conserveOf } from "#policy/conserve.ts";
import type { HierarchyFiles } from "#policy/hierarchy-files.ts";
import { lawOf, type Under } from "#policy/law.ts";
import { mapValues } from "#policy/map-values.ts";
import { blockerOf, conditionOf, type Counts } from "#policy/parse-blockers.ts";
import { ruleOf, setTo, type Given } from "#policy/parse-rules.ts";
import type { ColumnName, Deletion, Link, Policy } from "#policy/policy.ts";
import type { PolicyDocument, WrittenRule } from "#policy/schema/document.ts";
import { policySchema } from "#policy/schema/document.ts";
import { selfContradictions } from "#policy/self-check.ts";

const code = "POLICY_INVALID";
const hint = "mend the policy; nothing was changed";

/**
 * From the text of a policy file to a `Policy`. Throws one `POLICY_INVALID` that lists every mistake with file, line
 * and column: syntax first, then unknown, missing and wrong values, then what contradicts itself inside the document.
 * The digest is over the values: comments, order of keys and formatting do not change it. `under`: whose law the classes are of that the policy
 * takes from a law.
 */
export const parsePolicy = (file: string, text: string, under: Under = nowhere): Policy =>
  policyFrom(file, documentOf(file, text), under, { files: new Map(), mistakes: [] });

/** The first half: syntax, and keys and values by themselves. */
export const documentOf = (file: string, text: string): YamlDocument<PolicyDocument> =>
  readYaml({ file, text, schema: policySchema, code, hint, explainKey, exactNumbers: true });

/** The second half, once the mapping files are read that the document names. */
export const policyFrom = (
  file: string,
  document: YamlDocument<PolicyDocument>,
  under: Under,
  hierarchies: { readonly files: HierarchyFiles; readonly mistakes: readonly Mistake[] },
): Policy => {
  const { classes, mistakes } = resolveClasses(document.value, document, under);
  const contradicting = [...selfContradictions(document.value, document), ...mistakes, ...hierarchies.mistakes];
  refuseMistakes(code, contradicting, hint);
  const statute = lawOf(under, "voucher");
  const digest = digestOfPolicy(document.plain, classes, hierarchies.files);
  const origin = { file, digest, placeOf: document.placeOf };
  const given = { files: hierarchies.files, timeZone: under.timeZone };
  return policyOf(document.value, {}, { ...origin, classes, statute }, given);
};

/**
 * What a law or a mapping file says is part of what the policy says: its new version is a new policy, in every report. Of a file the values
 * count, not in which order or with which separator it lists them.
 */
const digestOfPolicy = (document: Json, classes: Policy["classes"], files: HierarchyFiles): string => {
  const ofLaw = Object.entries(classes).flatMap(([name, { basis, period, anchor, law }]) =>
    law === undefined ? [] : [[name, { basis, period, anchor }] as const],
  );
  if (ofLaw.length === 0 && files.size === 0) return digestOf(document);
  const levels = [...files].map(
    ([name, { names, groups }]) => [name, { names, groups: Object.fromEntries(groups) }] as const,
  );
  return digestOf({
    document,
    ...(ofLaw.length > 0 && { classes: Object.fromEntries(ofLaw) }),
    ...(levels.length > 0 && { files: Object.fromEntries(levels) }),
  });
};

const analyticsKeys: readonly string[] = ["quasi", "k", "late", "conserve", "per"] satisfies (keyof Extract<
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
  given: Given,
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
      keyOf: written.subject.key_of,
      identifiers: Object.fromEntries(
        Object.entries(written.subject.identifiers).filter((entry) => entry[1] !== undefined),
      ),
      names: written.subject.names ?? [],
    },
    timeZone: given.timeZone ?? "UTC",
    links: (written.links ?? []).map(linkOf),
    tables: mapValues(written.tables, (rule) => ruleOf(rule, given)),
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
    withOptions: (set) => policyOf(written, set, origin, given),
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

import { digestOf } from "#lib/canonical.ts";
import { refuseMistakes } from "#lib/mistakes.ts";
import { readYaml } from "#lib/yaml-document.ts";
import type { Analytics, Blocker, ColumnName, Condition, Link, Policy, TableRule, Transform } from "#policy/policy.ts";
import type { PolicyDocument, WrittenCondition, WrittenRule, WrittenTransform } from "#policy/schema.ts";
import { conserveOf } from "#policy/conserve.ts";
import { policySchema } from "#policy/schema.ts";
import { selfContradictions } from "#policy/self-check.ts";

const hint = "mend the policy; nothing was changed";

/**
 * From the text of a policy file to a `Policy`. Throws one `POLICY_INVALID` that lists every mistake with file, line
 * and column: syntax first, then unknown, missing and wrong values, then what contradicts itself inside the document.
 * The digest is over the values: comments, order of keys and formatting do not change it.
 */
export const parsePolicy = (file: string, text: string): Policy => {
  const code = "POLICY_INVALID";
  const document = readYaml({ file, text, schema: policySchema, code, hint, explainKey });
  refuseMistakes(code, selfContradictions(document.value, document), hint);
  return policyOf(document.value, {
    file,
    digest: digestOf(document.plain),
    placeOf: document.placeOf,
  });
};

const analyticsKeys: readonly string[] = ["quasi", "k", "conserve", "per"] satisfies (keyof Extract<
  WrittenRule,
  { treatment: "anonymise" }
>)[];

const explainKey = (path: readonly (string | number)[], key: string): string | undefined =>
  path.length === 2 && path[0] === "tables" && analyticsKeys.includes(key)
    ? "only a table that is treated with `anonymise` is measured"
    : undefined;

const policyOf = (written: PolicyDocument, origin: Pick<Policy, "file" | "digest" | "placeOf">): Policy => ({
  name: written.policy,
  version: written.version,
  effective: written.effective,
  owner: written.owner,
  subject: {
    table: written.subject.table,
    key: written.subject.key,
    identifiers: Object.fromEntries(
      Object.entries(written.subject.identifiers).filter((entry) => entry[1] !== undefined),
    ),
    names: written.subject.names ?? [],
  },
  links: (written.links ?? []).map(linkOf),
  classes: written.classes ?? {},
  tables: mapValues(written.tables, ruleOf),
  blockers: (written.blockers ?? []).map(blockerOf),
  ...origin,
});

const mapValues = <A, B>(record: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));

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

const ruleOf = (rule: WrittenRule): TableRule => {
  switch (rule.treatment) {
    case "erase":
      return { treatment: "erase", owner: ownerOf(rule.owner) };
    case "anonymise":
      return {
        treatment: "anonymise",
        owner: ownerOf(rule.owner),
        columns: mapValues(rule.columns, transformOf),
        analytics: analyticsOf(rule),
      };
    case "retain":
      return {
        treatment: "retain",
        owner: ownerOf(rule.owner),
        columns: mapValues(rule.columns, transformOf),
        class: rule.class,
        clock: rule.clock,
      };
    case "keep":
      return { treatment: "keep", reason: rule.reason };
  }
};

const ownerOf = (owner: string | string[] | undefined): readonly string[] | undefined =>
  typeof owner === "string" ? [owner] : owner;

const analyticsOf = (rule: Extract<WrittenRule, { treatment: "anonymise" }>): Analytics | undefined => {
  const { quasi, k, conserve, clock, per } = rule;
  if (quasi === undefined && conserve === undefined) return undefined;
  return { quasi: quasi ?? [], k: k ?? 5, conserve: (conserve ?? []).map(conserveOf), clock, per: per ?? "month" };
};

const transformOf = (written: WrittenTransform): Transform => {
  if (written === "keep") return { kind: "keep" };
  const { set, unique, truncate, generalise } = written;
  if (set === null) return { kind: "null" };
  if (set !== undefined) return { kind: "constant", value: set };
  if (unique !== undefined) return { kind: "unique", template: unique };
  if (truncate !== undefined) return { kind: "truncate", to: truncate };
  if (generalise !== undefined) return { kind: "generalise", ...generalise };
  return { kind: "redact" };
};

const blockerOf = ({ code, when, hint: advice }: NonNullable<PolicyDocument["blockers"]>[number]): Blocker => {
  const { table, ...conditions } = when;
  return { code, table, when: mapValues(conditions, conditionOf), hint: advice };
};

const conditionOf = (written: WrittenCondition): Condition => {
  if (Array.isArray(written)) return { in: written };
  if (typeof written !== "object") return { in: [written] };
  const { is_null: isNull, ...comparisons } = written;
  if (isNull !== undefined) return { isNull };
  for (const compare of ["gt", "gte", "lt", "lte", "not"] as const) {
    const value = comparisons[compare];
    if (value !== undefined) return { compare, value };
  }
  throw new TypeError("a condition without a comparison passed validation");
};

import { conserveOf } from "#policy/conserve.ts";
import { mapAt, type HierarchyFiles } from "#policy/hierarchy-files.ts";
import { usualK } from "#records/anonymity.ts";
import { mapValues } from "#policy/map-values.ts";
import type { Aggregate, Analytics, Expiry, TableRule, Transform } from "#policy/policy.ts";
import type { WrittenRule, WrittenTransform, WrittenValue } from "#policy/schema/document.ts";

/** What rules say beside what is written: the mapping files that they name, and by whose clocks a moment is of a day. */
export type Given = { readonly files: HierarchyFiles; readonly timeZone: string | undefined };

export const ruleOf = (rule: WrittenRule, given: Given): TableRule => {
  const expiryOf = (written: WrittenExpiry): Expiry | undefined =>
    written && {
      clock: written.clock,
      period: { after: written.after, why: written.why },
      columns: fateOf(written.then, given),
    };
  switch (rule.treatment) {
    case "erase":
      return { treatment: "erase", owner: ownerOf(rule.owner), decided: rule.decided, expiry: expiryOf(rule.expires) };
    case "anonymise":
      return {
        treatment: "anonymise",
        owner: ownerOf(rule.owner),
        columns: anonymised(rule, given),
        analytics: analyticsOf(rule),
        reorder: rule.order && { among: rule.k ?? usualK },
        aggregate: aggregateOf(rule),
        expiry: expiryOf(rule.expires),
      };
    case "retain":
      return {
        treatment: "retain",
        owner: ownerOf(rule.owner),
        columns: mapValues(rule.columns, (written) => transformOf(written, given)),
        class: rule.class,
        clock: rule.clock,
        readableBy: rule.readable_by,
        expiry: rule.expired && {
          clock: rule.clock,
          period: { class: rule.class },
          columns: fateOf(rule.expired, given),
        },
      };
    case "keep":
      return {
        treatment: "keep",
        owner: ownerOf(rule.owner),
        reason: rule.reason,
        personal: rule.personal ?? [],
        expiry: expiryOf(rule.expires),
      };
  }
};

type Anonymise = Extract<WrittenRule, { treatment: "anonymise" }>;

const aggregateOf = ({ aggregate, quasi = [], k = usualK }: Anonymise): Aggregate | undefined =>
  aggregate && {
    into: aggregate.into,
    count: aggregate.count,
    sums: Object.entries(aggregate.sums ?? {}).map(([of, into]) => ({ of, into })),
    period: aggregate.period,
    classes: quasi.map((column) => ({ column, other: aggregate.other[column] ?? null })),
    among: k,
  };

/** What goes into counts is in them: that is proved, whether or not the policy asks for it. */
const conserved = ({ aggregate, conserve = [] }: Anonymise): readonly string[] => [
  ...new Set([
    ...conserve,
    ...(aggregate === undefined ? [] : ["count", ...Object.keys(aggregate.sums ?? {}).map((name) => `sum(${name})`)]),
  ]),
];

/** How far values may go depends on what else the rule says. */
const anonymised = (rule: Anonymise, given: Given): Record<string, Transform> => {
  const { columns, conserve = [], clock, k = usualK, per = "month" } = rule;
  const summed = conserve.map(conserveOf).flatMap((total) => (total.measure === "sum" ? [total.column] : []));
  return Object.fromEntries(
    Object.entries(columns).map(([name, written]): [string, Transform] => {
      if (written !== "keep" && written.mean !== undefined)
        return [name, { kind: "mean", within: written.mean, among: k }];
      if (written === "keep" || written.shuffle === undefined) return [name, transformOf(written, given)];
      const stays = clock !== undefined && (name === clock || summed.includes(name));
      return [name, { kind: "shuffle", within: written.shuffle, among: k, per: stays ? per : undefined }];
    }),
  );
};

type WrittenExpiry = Extract<WrittenRule, { treatment: "erase" }>["expires"];

const fateOf = (written: NonNullable<WrittenExpiry>["then"], { timeZone }: Given): Expiry["columns"] =>
  written === "erase" ? undefined : mapValues(written, (each) => transformOf(each, { files: new Map(), timeZone }));

const ownerOf = (owner: string | string[] | undefined): readonly string[] | undefined =>
  typeof owner === "string" ? [owner] : owner;

const analyticsOf = (rule: Anonymise): Analytics | undefined => {
  const { quasi, k, sensitive, l, t, attack, late, by, clock, per, anonymity_set: set } = rule;
  const conserve = conserved(rule);
  if (quasi === undefined && conserve.length === 0 && attack === undefined && late === undefined) return undefined;
  return {
    quasi: quasi ?? [],
    k: k ?? usualK,
    anonymitySet: set ?? "everybody",
    sensitive: sensitive ?? [],
    l,
    t,
    attacks: (attack ?? []).map(({ whose, ...known }) => ({ ...known, whose: ownerOf(whose) ?? [] })),
    // Whoever decides nothing reveals nobody, and loses no rows.
    late: late ?? "wait",
    conserve: conserve.map(conserveOf),
    by: by ?? [],
    clock,
    per: per ?? "month",
  };
};

const transformOf = (written: WrittenTransform, { files, timeZone }: Given): Transform => {
  if (written === "keep") return { kind: "keep" };
  const { set, unique, truncate, generalise, band, code, rare, rekey, now, stays } = written;
  if (set !== undefined) return setTo(set);
  if (unique !== undefined) return { kind: "unique", template: unique };
  if (truncate !== undefined)
    return { kind: "truncate", to: truncate, ...(timeZone !== undefined && { zone: timeZone }) };
  if (generalise !== undefined) return generalised(generalise, files);
  if (band !== undefined) return { kind: "band", ...band };
  if (code !== undefined) return { kind: "code", bottom: code.bottom, top: code.top };
  if (rare !== undefined) return { kind: "rare", ...rare };
  if (rekey !== undefined) return { kind: "rekey" };
  if (now !== undefined) return { kind: "now", when: now };
  if (stays !== undefined) return { kind: "stays", why: stays };
  return { kind: "redact" };
};

type WrittenMap = NonNullable<Exclude<WrittenTransform, "keep">["generalise"]>;

/** The whole map goes into the plan: what was approved is what the file said then. */
const generalised = ({ map, file, level, otherwise }: WrittenMap, files: HierarchyFiles): Transform =>
  file === undefined || level === undefined
    ? { kind: "generalise", map: map ?? {}, otherwise }
    : { kind: "generalise", map: mapAt(files, file, level), otherwise, from: { file, level } };

/** The same value in every row. */
export const setTo = (value: WrittenValue): Transform =>
  value === null ? { kind: "null" } : { kind: "constant", value };

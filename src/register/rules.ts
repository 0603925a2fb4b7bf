import type { Store } from "#context.ts";
import { durationText } from "#lib/duration-text.ts";
import type { Policy, RetentionClass, TableRule } from "#policy/policy.ts";
import type { Treatment } from "#records/treatment.ts";

/** What a policy says of a table: Art. 30(1)(f) GDPR asks for the time limits of erasure by category. */
export type RuleRow = {
  readonly store: string;
  readonly table: string;
  readonly treatment: Treatment;
  /** How long rows are kept that a statute holds, and counted from when. */
  readonly period: string | null;
  readonly from: string | null;
  readonly basis: string | null;
  /** The letter of Art. 17(3) GDPR by which they are kept. */
  readonly exception: string | null;
  readonly why: string | null;
  /** After what time rows go that nobody has asked about. */
  readonly expiry: string | null;
};

/** The rules of the policies in force, table by table. */
export function* rulesOf(stores: readonly Pick<Store, "name" | "policy">[]): Generator<RuleRow> {
  for (const { name: store, policy } of stores) {
    for (const [table, rule] of Object.entries(policy.tables)) {
      const { treatment } = rule;
      yield { store, table, treatment, ...keptOf(policy, rule), why: whyOf(rule), expiry: expiryOf(policy, rule) };
    }
  }
}

type Kept = Pick<RuleRow, "period" | "from" | "basis" | "exception">;

const keptOf = ({ classes }: Policy, rule: TableRule): Kept => {
  const cls = rule.treatment === "retain" ? classes[rule.class] : undefined;
  if (rule.treatment !== "retain" || cls === undefined)
    return { period: null, from: null, basis: null, exception: null };
  return {
    period: durationText(cls.period),
    from: startOf(cls, rule.clock),
    basis: cls.basis,
    exception: cls.exception,
  };
};

const startOf = ({ anchor }: RetentionClass, clock: string): string =>
  anchor === "event"
    ? `its ${clock}`
    : `the ${anchor.replaceAll("-of-", " of the ").replaceAll("-", " ")}, by ${clock}`;

const whyOf = (rule: TableRule): string | null => {
  switch (rule.treatment) {
    case "erase":
      return rule.decided === undefined ? null : `${rule.decided.why} (${rule.decided.by}, ${rule.decided.on})`;
    case "keep":
      return rule.reason;
    case "anonymise":
    case "retain":
      return null;
  }
};

const expiryOf = ({ classes }: Policy, { expiry }: TableRule): string | null => {
  if (expiry === undefined) return null;
  const { clock, period, columns } = expiry;
  const goes = columns === undefined ? "" : ", anonymised";
  if ("after" in period) return `${durationText(period.after)} after ${clock}${goes}: ${period.why}`;
  const cls = classes[period.class];
  return cls === undefined ? null : `${durationText(cls.period)} after ${startOf(cls, clock)}${goes}`;
};

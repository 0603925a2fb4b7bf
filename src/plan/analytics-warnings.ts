import { ownerOf } from "#anonymity/known.ts";
import type { Catalog } from "#catalog/catalog.ts";
import type { Policy } from "#policy/policy.ts";

/** What a policy leaves open, or takes for granted, about tables in which people are to be hidden. Nothing is refused for it. */
export const analyticsWarnings = (policy: Policy, catalog: Catalog): readonly string[] =>
  Object.entries(policy.tables).flatMap(([table, rule]): readonly string[] => {
    if (rule.treatment !== "anonymise") return [];
    const { quasi = [], attacks = [], late = "wait", anonymitySet = "everybody" } = rule.analytics ?? {};
    const mixes =
      rule.reorder !== undefined ||
      Object.values(rule.columns).some(({ kind }) => kind === "shuffle" || kind === "mean");
    const gated = quasi.length > 0 || attacks.length > 0 || mixes;
    const alone = attacks.filter(
      ({ knows, whose }) => whose.length === 0 && ownerOf(policy, catalog, knows).length === 0,
    );
    return [
      ...(gated && late === "wait"
        ? [
            `${table}: whoever would still be recognised at the deadline waits on, and the request is late; say what else with \`late: suppress\` or \`late: erase\``,
          ]
        : []),
      ...(quasi.length > 0 && late !== "wait" && anonymitySet === "everybody"
        ? [
            `${table}: whoever was hidden among rows of the living is hidden less when theirs go at a deadline; count only rows that stay with \`anonymity_set: nameless\``,
          ]
        : []),
      ...alone.map(
        ({ knows }) =>
          `${table}: several records of ${knows} that say the same count as several people, be they one person's; name the column that tells people apart with \`whose\``,
      ),
    ];
  });

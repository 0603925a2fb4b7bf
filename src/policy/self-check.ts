import type { Mistake, Path, Places } from "#lib/mistakes.ts";
import { nearest } from "#lib/nearest.ts";
import type { PolicyDocument, WrittenRule } from "#policy/schema/document.ts";
import { checkAggregate, checkAnalytics } from "#policy/self-check-analytics.ts";
import { isStay, listed, suggestion, type Columns, type Note } from "#policy/self-check-columns.ts";

/** What a policy says against itself, before any schema is known. */
export const selfContradictions = (policy: PolicyDocument, places: Places): Mistake[] => {
  const mistakes: Mistake[] = [];
  const note: Note = (path, what, hint) => {
    mistakes.push({ place: places.valuePlaceOf(path), what: `${path.join(".")}: ${what}`, hint });
  };
  checkSubject(policy, note);
  checkDeletion(policy, note);
  checkOptions(policy, note);
  for (const [table, rule] of Object.entries(policy.tables)) checkRule(policy, table, rule, note);
  return mistakes;
};

const checkSubject = ({ subject, tables, deletion }: PolicyDocument, note: Note): void => {
  const rule = tables[subject.table];
  if (rule === undefined) {
    note(["subject", "table"], "`tables` has no rule for the subject's own table", "add the table to `tables`");
    return;
  }
  if (rule.treatment === "keep") {
    checkMarked(subject, rule, deletion?.mode ?? "hard", note);
    return;
  }
  if (deletion?.mode === "soft") {
    const advice = "use treatment `keep` with `personal`, or mode `soft-then-hard`";
    note(["tables", subject.table, "treatment"], "a softly deleted subject can be reactivated: its row stays", advice);
  }
  if (rule.treatment === "erase") {
    if (deletion?.mode !== "archive") return;
    const advice = "keep, anonymise or retain it; or leave out `deletion`, which is then at once and for good";
    note(["tables", subject.table, "treatment"], "the row of an archived subject is marked, so it cannot go", advice);
    return;
  }
  const naming: [Path, string][] = Object.entries(subject.identifiers).flatMap(([kind, column]) =>
    column === undefined ? [] : [[["subject", "identifiers", kind], column]],
  );
  for (const [index, column] of (subject.names ?? []).entries()) naming.push([["subject", "names", index], column]);
  for (const [path, column] of naming) {
    if (!listed(rule.columns, column)) {
      note(path, `\`${column}\` is not listed in tables.${subject.table}.columns`, suggestion(rule.columns, column));
    } else if (rule.columns[column] === "keep" || isStay(rule.columns[column])) {
      const where = ["tables", subject.table, "columns", column];
      note(where, "an identifier or name of the subject cannot be `keep`: it would still name the person");
    } else if (rule.columns[column]?.shuffle !== undefined) {
      const where = ["tables", subject.table, "columns", column];
      note(where, "an identifier or name of the subject cannot be shuffled: it would name somebody else");
    }
  }
};

const checkFate = (path: Path, fate: "erase" | Columns | undefined, note: Note): void => {
  if (fate === undefined || fate === "erase") return;
  for (const [column, written] of Object.entries(fate)) {
    if (typeof written === "object" && ("set" in written || "truncate" in written)) continue;
    note(
      [...path, column],
      "old rows can be set or truncated, and nothing else: what is done again every night has to come out the same",
      "or leave the column out: it stays as it is",
    );
  }
};

/** A root row that stays as it is, but for a mark: only where the policy calls that deletion, and says what it leaves. */
const checkMarked = (
  { table, identifiers, names }: PolicyDocument["subject"],
  rule: Extract<WrittenRule, { treatment: "keep" }>,
  mode: string,
  note: Note,
): void => {
  if (mode !== "soft" && mode !== "archive") {
    const advice = "anonymise or erase it, or say `deletion: { mode: soft, … }`";
    note(["tables", table, "treatment"], "the subject's own table cannot be kept: nobody would be forgotten", advice);
    return;
  }
  const personal = rule.personal ?? [];
  for (const column of [...Object.values(identifiers), ...(names ?? [])]) {
    if (column === undefined || personal.includes(column)) continue;
    note(["tables", table], `\`${column}\` names the person and stays: list it under \`personal\``);
  }
};

const checkDeletion = ({ subject, tables, deletion }: PolicyDocument, note: Note): void => {
  if (deletion === undefined || !("set" in deletion)) return;
  const rule = tables[subject.table];
  for (const column of Object.keys(deletion.set)) {
    const path = ["deletion", "set", column];
    if (column === subject.key) note(path, "the key of the subject stays: other rows refer to it");
    if (deletion.mode === "soft-then-hard" || rule === undefined || !("columns" in rule)) continue;
    const also = rule.columns[column];
    if (also !== undefined && also !== "keep") {
      note(path, `tables.${subject.table}.columns sets \`${column}\` too`, "say it in one place: make it `keep` there");
    }
  }
};

/** `if:` names an option that the policy has; a way to somebody else begins at a row of the subject's. */
const checkOptions = ({ options, blockers, recipients, examples }: PolicyDocument, note: Note): void => {
  const known = Object.keys(options ?? {});
  const check = (path: Path, option: string | undefined): void => {
    if (option === undefined || known.includes(option)) return;
    const meant = nearest(option, known);
    const advice = meant === undefined ? "declare it under `options`" : `did you mean \`${meant}\`?`;
    note(path, `there is no option \`${option}\``, advice);
  };
  for (const [index, { then, other, whose }] of (blockers ?? []).entries()) {
    if (then !== "block") check(["blockers", index, "then", "if"], then.if);
    if (other !== undefined && whose === undefined) {
      note(["blockers", index, "other"], "`other` needs `whose`: the way from the row to the subject");
    }
  }
  for (const [index, recipient] of (recipients ?? []).entries()) check(["recipients", index, "if"], recipient.if);
  for (const [index, example] of (examples ?? []).entries()) {
    for (const option of Object.keys(example.options ?? {})) check(["examples", index, "options", option], option);
  }
};

const checkRule = (policy: PolicyDocument, table: string, rule: WrittenRule, note: Note): void => {
  const base = ["tables", table];
  if (rule.treatment === "retain") checkFate([...base, "expired"], rule.expired, note);
  else checkFate([...base, "expires", "then"], rule.expires?.then, note);
  switch (rule.treatment) {
    case "erase":
    case "keep":
      return;
    case "anonymise":
      checkTransforms(base, rule.columns, note);
      checkAnalytics(base, rule, note);
      checkAggregate(base, rule, note);
      return;
    case "retain": {
      checkTransforms(base, rule.columns, note);
      checkRecord(base, rule.columns, note);
      const classes = Object.keys(policy.classes ?? {});
      if (!classes.includes(rule.class)) {
        const meant = nearest(rule.class, classes);
        const advice = meant === undefined ? "describe it under `classes`" : `did you mean \`${meant}\`?`;
        note([...base, "class"], "there is no such retention class", advice);
      }
      if (!listed(rule.columns, rule.clock)) {
        note([...base, "clock"], "the clock is not listed in `columns`", suggestion(rule.columns, rule.clock));
      } else if (rule.columns[rule.clock] !== "keep") {
        note(
          [...base, "columns", rule.clock],
          "the clock of a retained table must be `keep`: its period counts from it",
        );
      }
      return;
    }
  }
};

const checkTransforms = (base: Path, columns: Columns, note: Note): void => {
  for (const [column, transform] of Object.entries(columns)) {
    if (transform === "keep") continue;
    const key = transform.mean === undefined ? "shuffle" : "mean";
    for (const within of transform[key] ?? []) {
      if (listed(columns, within)) continue;
      note(
        [...base, "columns", column, key],
        `\`${within}\` is not listed in \`columns\``,
        suggestion(columns, within),
      );
    }
    if (transform.unique === undefined) continue;
    if (transform.unique.split("{random}").length !== 2) {
      note([...base, "columns", column, "unique"], "must hold `{random}` exactly once");
    }
  }
};

/** A record that a law holds says what it said. */
const checkRecord = (base: Path, columns: Columns, note: Note): void => {
  for (const [column, transform] of Object.entries(columns)) {
    const key = (["rekey", "shuffle", "mean"] as const).find(
      (each) => transform !== "keep" && transform[each] !== undefined,
    );
    if (key === undefined) continue;
    note(
      [...base, "columns", column, key],
      "only rows that are anonymised take it: a record keeps its number, date and amount",
    );
  }
};

import type { Mistake, Path, Places } from "#lib/mistakes.ts";
import { nearest } from "#lib/nearest.ts";
import { conserveOf } from "#policy/conserve.ts";
import { isWithin } from "#records/anonymity.ts";
import type { PolicyDocument, WrittenRule, WrittenTransform } from "#policy/schema/document.ts";

type Note = (path: Path, what: string, hint?: string) => void;
type Columns = Readonly<Record<string, WrittenTransform>>;

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

/** A column that is made coarser by itself. */
const isCoarse = (written: WrittenTransform): boolean =>
  written !== "keep" &&
  [written.truncate, written.generalise, written.band, written.code].some((each) => each !== undefined);

/** A column by which a treated row is known. */
const isSign = (written: WrittenTransform): boolean =>
  written !== "keep" && (written.set !== undefined || written.unique !== undefined);

const isStay = (transform: WrittenTransform | undefined): boolean =>
  typeof transform === "object" && transform.stays !== undefined;

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
    if (transform === "keep" || (transform.rekey === undefined && transform.shuffle === undefined)) continue;
    const key = transform.rekey === undefined ? "shuffle" : "rekey";
    note(
      [...base, "columns", column, key],
      "only rows that are anonymised take it: a record keeps its number and date",
    );
  }
};

const checkAnalytics = (base: Path, rule: Extract<WrittenRule, { treatment: "anonymise" }>, note: Note): void => {
  const { columns, quasi, k, attack, late, sensitive, l, t, conserve, by, clock, per = "month" } = rule;
  const mustBeListed = (path: Path, column: string): boolean => {
    if (listed(columns, column)) return true;
    note(path, `\`${column}\` is not listed in \`columns\``, suggestion(columns, column));
    return false;
  };
  for (const [index, column] of (quasi ?? []).entries()) mustBeListed([...base, "quasi", index], column);
  const shuffles = rule.order !== undefined || Object.values(columns).some((each) => isShuffled(each));
  if (k !== undefined && quasi === undefined && !shuffles)
    note([...base, "k"], "k is measured over `quasi`, which is missing");
  if (rule.anonymity_set !== undefined && quasi === undefined)
    note([...base, "anonymity_set"], "nobody is hidden in classes without `quasi`, which is missing");
  if (rule.anonymity_set === "nameless" && !Object.values(columns).some(isSign))
    note(
      [...base, "anonymity_set"],
      "no column says the same in every treated row, so nobody could tell which rows are nameless",
      "give a column `{ set: … }` or `{ unique: … }`",
    );
  for (const [index, column] of (sensitive ?? []).entries()) {
    const path = [...base, "sensitive", index];
    if (!mustBeListed(path, column)) continue;
    if (quasi === undefined) note(path, "what is sensitive is measured in classes of `quasi`, which is missing");
    else if (quasi.includes(column))
      note(path, `\`${column}\` is in \`quasi\` as well: others know it, or should not learn it`);
    else if (l === undefined && t === undefined) note(path, "nothing is asked of it", "add `l`, `t` or both");
  }
  if (sensitive === undefined) {
    if (l !== undefined) note([...base, "l"], "l is measured of `sensitive`, which is missing");
    if (t !== undefined) note([...base, "t"], "t is measured of `sensitive`, which is missing");
  }
  if (late !== undefined && quasi === undefined && attack === undefined && !shuffles)
    note([...base, "late"], "nobody waits without `quasi`, `attack`, `shuffle` or `order`, which are missing");
  if (late === "suppress" && rule.expires !== undefined && toldApartBy(rule).includes(rule.expires.clock))
    note(
      [...base, "late"],
      `\`suppress\` would empty \`${rule.expires.clock}\`, without which rows never expire`,
      "write `erase`, or let no attack compare it",
    );
  for (const [index, compared] of (attack ?? []).entries()) {
    for (const column of Object.keys(compared.by)) mustBeListed([...base, "attack", index, "by", column], column);
  }
  if (rule.per !== undefined && conserve === undefined && rule.aggregate === undefined && !shuffles)
    note([...base, "per"], "`per` divides `conserve`, which is missing");
  for (const [index, written] of (conserve ?? []).entries()) {
    const measure = conserveOf(written);
    if (measure.measure === "count" || !mustBeListed([...base, "conserve", index], measure.column)) continue;
    const change = columns[measure.column];
    if (measure.measure === "distinct") {
      if (change !== "keep" && !isStay(change))
        note([...base, "columns", measure.column], "a column whose different values are counted must be `keep`");
      continue;
    }
    const within = change === "keep" ? undefined : (change?.mean ?? change?.shuffle);
    const parted = within === undefined ? undefined : (by ?? []).find((name) => !within.includes(name));
    if (parted !== undefined)
      note(
        [...base, "columns", measure.column],
        `its sum is conserved by \`${parted}\`, which must be among those within which it changes`,
      );
    if (change !== "keep" && change?.mean === undefined && !isShuffled(change)) {
      note([...base, "columns", measure.column], "a column whose sum is conserved must be `keep`, `mean` or `shuffle`");
    }
  }
  if (by !== undefined && conserve === undefined) note([...base, "by"], "`by` divides `conserve`, which is missing");
  for (const [index, column] of (by ?? []).entries()) {
    const path = [...base, "by", index];
    if (!mustBeListed(path, column)) continue;
    const change = columns[column];
    if (change === "keep" || isStay(change) || (change !== undefined && isCoarse(change))) continue;
    note(
      path,
      `\`${column}\` does not stay, so nothing could be compared by it`,
      "name columns that are kept or made coarser",
    );
  }
  if (clock === undefined || !mustBeListed([...base, "clock"], clock)) return;
  const change = columns[clock];
  if (change === undefined || change === "keep" || isShuffled(change)) return;
  if (change.truncate === undefined || !isWithin(change.truncate, per)) {
    note(
      [...base, "columns", clock],
      `the clock must stay in its ${per}: use \`keep\` or truncate it to ${per} or finer`,
    );
  }
};

const counted = ["set", "truncate", "generalise", "band", "code", "rare"] as const;

/** What says of each other where the counts of a class go, and what is in them. */
const checkAggregate = (base: Path, rule: Extract<WrittenRule, { treatment: "anonymise" }>, note: Note): void => {
  const { aggregate, columns, quasi, conserve, clock, late } = rule;
  if (aggregate === undefined) return;
  const path = [...base, "aggregate"];
  if (quasi === undefined) note(path, "counts are per class of `quasi`, which is missing");
  for (const key of ["sensitive", "attack", "order", "by", "anonymity_set"] as const) {
    if (rule[key] !== undefined)
      note([...base, key], "no row stays of which it could be asked: `aggregate` takes them");
  }
  for (const [index, written] of (conserve ?? []).entries()) {
    if (conserveOf(written).measure === "distinct")
      note([...base, "conserve", index], "what is counted cannot say any more how many values there were");
  }
  if (late === "suppress")
    note(
      [...base, "late"],
      "`aggregate` puts rows of too few people into one class already",
      "write `erase` or `wait`",
    );
  if ((clock === undefined) !== (aggregate.period === undefined))
    note(
      path,
      "`clock` says which period a row is of, and `aggregate.period` where that stands",
      "name both, or neither",
    );
  for (const column of quasi ?? []) {
    if (!Object.hasOwn(aggregate.other, column))
      note([...path, "other"], `\`other\` does not say what \`${column}\` is for rows of too few people`);
    const change = columns[column];
    if (change === undefined || change === "keep" || counted.some((key) => key in change)) continue;
    note([...base, "columns", column], `a class is told by it: use keep, ${counted.join(", ")}`);
  }
  for (const column of Object.keys(aggregate.other)) {
    if (quasi?.includes(column) !== true) note([...path, "other", column], "is no column of `quasi`");
  }
  for (const column of Object.keys(aggregate.sums ?? {})) {
    if (!listed(columns, column)) {
      note([...path, "sums", column], `\`${column}\` is not listed in \`columns\``, suggestion(columns, column));
    } else if (columns[column] !== "keep") {
      note([...base, "columns", column], "a column that is summed must be `keep`: the row goes, and its sum stays");
    }
  }
  for (const [index, written] of (conserve ?? []).entries()) {
    const total = conserveOf(written);
    if (total.measure === "count" || Object.hasOwn(aggregate.sums ?? {}, total.column)) continue;
    note([...base, "conserve", index], `nothing keeps it: add \`${total.column}\` to \`aggregate.sums\``);
  }
};

/** The columns by which somebody may be recognised. */
const toldApartBy = ({ quasi, attack }: Extract<WrittenRule, { treatment: "anonymise" }>): readonly string[] => [
  ...(quasi ?? []),
  ...(attack ?? []).flatMap(({ by }) => Object.keys(by)),
];

const isShuffled = (transform: WrittenTransform | undefined): boolean =>
  typeof transform === "object" && transform.shuffle !== undefined;

const listed = (columns: Columns, column: string): boolean => Object.hasOwn(columns, column);

const suggestion = (columns: Columns, column: string): string => {
  const meant = nearest(column, Object.keys(columns));
  return meant === undefined ? `list \`${column}\` in \`columns\`` : `did you mean \`${meant}\`?`;
};

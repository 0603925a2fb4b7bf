import { table } from "#cli/table.ts";
import { figure, grouped } from "#lib/figure.ts";
import type { Rehearsed } from "#rehearsal/rehearse.ts";

/** What went when and by which rule, and what is left at the end. */
export const rehearsalScreen = (rehearsed: Rehearsed): string => {
  const { timeline, nights, from, until, took } = rehearsed;
  const lines = timeline.map(({ first, last, nights: count, what, how, rows, rule }) => [
    first === last ? first : `${first} … ${last}`,
    count,
    figure(rows),
    what,
    how,
    rule,
  ]);
  const idle = nights.all - nights.ran;
  return [
    "",
    table(lines, [
      { title: "when" },
      { title: "nights", align: "right" },
      { title: "how many", align: "right" },
      { title: "what" },
      { title: "became" },
      { title: "by which rule" },
    ]),
    "",
    `${figure(nights.all)} nights from ${from} to ${until} in ${took}: ${figure(nights.ran)} ran${idle === 0 ? "" : `, and in ${figure(idle)} nothing was due`}`,
    ...verdicts(rehearsed).map(({ good, text }) => `${good ? "✓" : "✗"} ${text}`),
    "",
    table(
      bookLines(rehearsed).map(({ of, records, before, after, equal }) => [
        of,
        figure(records),
        grouped(before),
        grouped(after),
        equal ? "equal" : "DIFFERENT",
      ]),
      [
        { title: "the books" },
        { title: "records", align: "right" },
        { title: `EUR on ${from}`, align: "right" },
        { title: `EUR on ${until}`, align: "right" },
        { title: "" },
      ],
    ),
  ].join("\n");
};

export type Verdict = { readonly good: boolean; readonly text: string };

export const verdicts = (rehearsed: Rehearsed): readonly Verdict[] => {
  const { people } = rehearsed;
  const equal = bookLines(rehearsed).every((line) => line.equal);
  return [
    {
      good: people.named === 0,
      text:
        people.named === 0
          ? `nothing personal is left of the ${people.requests} people who were erased, in ${figure(people.rows)} rows that are`
          : `${figure(people.named)} rows still name one of the ${people.requests} people who were erased`,
    },
    {
      good: equal,
      text: equal ? "the totals of the books are what they were, to the cent" : "totals of the books have changed",
    },
  ];
};

const bookLines = ({ books }: Rehearsed) =>
  books.before.map(({ of, records, amount }) => {
    const after = books.after.find((each) => each.of === of);
    return {
      of,
      records: after?.records ?? 0,
      before: amount,
      after: after?.amount ?? "0",
      equal: after?.amount === amount && after.records === records,
    };
  });

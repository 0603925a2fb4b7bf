import type { AnonymityItem, LateItem } from "#report/anonymity-document.ts";

/** Totals of nine months, of which the first two are told of too few to be shown. */
export const conserved = Array.from({ length: 9 }, (_, index) =>
  ["count", "sum(amount)"].map((measure) => {
    const hidden = index < 2;
    const total = measure === "count" ? String(90 + index * 17) : `${1200 + index * 31}.50`;
    const period = `2026-0${index + 1}-01`;
    return {
      store: "shop",
      table: "analytics_events",
      measure,
      period,
      by: {},

      before: hidden ? null : total,
      after: hidden ? null : total,
      untold: hidden ? ("withheld" as const) : null,
      equal: true,
      why: null,
    };
  }),
).flat();

export const late: readonly LateItem[] = [
  { ref: "R-AAAA-0000-0002", store: "shop", table: "analytics_events", late: "suppress", rows: 3, due: "2026-11-03" },
  { ref: "R-AAAA-0000-0009", store: "shop", table: "analytics_events", late: "erase", rows: 1, due: "2026-11-03" },
];

export const anonymity: AnonymityItem = {
  store: "shop",
  table: "analytics_events",
  quasi: ["country", "plan", "month"],
  threshold: 5,
  k: 7,
  classes: 96,
  rows: 41_204,
  below: 0,
  least: 3,
  most: 0.4,
  unique: 0,
  sizes: [
    { from: 4, to: 7, classes: 3, rows: 20 },
    { from: 64, to: 127, classes: 21, rows: 2_010 },
    { from: 256, to: 511, classes: 60, rows: 21_600 },
    { from: 1_024, to: 2_047, classes: 12, rows: 17_574 },
  ],
  sensitive: [{ column: "amount", ordered: true, values: 212, l: 4, entropyL: 2.81, t: 0.2231 }],
  before: {
    rows: 41_204,
    classes: 131,
    k: 1,
    unique: 4,
    below: 31,
    sizes: [
      { from: 1, to: 1, classes: 4, rows: 4 },
      { from: 4, to: 7, classes: 12, rows: 61 },
      { from: 64, to: 127, classes: 25, rows: 2_410 },
      { from: 256, to: 511, classes: 90, rows: 38_729 },
    ],
    sensitive: [{ column: "amount", ordered: true, values: 260, l: 1, entropyL: 1, t: 0.6192 }],
  },
  nameless: { rows: 3_103, classes: 61, k: 5, below: 0 },
  beforeMissed: null,
  beforeIn: null,
  touched: 1_210,
  known: 38_101,
  attacks: [
    { knows: "invoices", precision: "exact", rows: 3_103, nobody: 2_911, one: 0, few: 40, many: 152 },
    { knows: "invoices", precision: "banded", rows: 3_103, nobody: 1_204, one: 0, few: 0, many: 1_899 },
  ],
  stays: [],
  unmeasured: ["id"],
  notCompared: ["payments"],
  met: true,
  label: "de-identified",
  reasons: ["known-rows", "unmeasured-columns", "not-compared", "in-backups"],
  measuredAt: "2026-11-02T01:00:40.000Z",
};

import { describe, expect, it } from "vitest";
import { topOf, type Steps } from "#anonymity/search/hierarchy.ts";
import { inPolicy } from "#anonymity/search/to-policy.ts";
import type { CatalogColumn } from "#catalog/catalog.ts";

const column = (type: string, nullable = true): CatalogColumn => ({
  name: "c",
  type,
  shape: /^(text|character)/.test(type) ? "text" : "other",
  nullable,
  generated: false,
  identity: undefined,
  hasDefault: false,
});
const at = (steps: Steps, level: number | "top", of: CatalogColumn) => {
  const most = topOf({ steps });
  return inPolicy({ column: "c", steps, most }, level === "top" ? most : level, of);
};

const time: Steps = { kind: "time", units: ["day", "quarter", "decade"] };
const bands: Steps = { kind: "bands", widths: ["0.5", "10"], from: "5" };
const text: Steps = { kind: "text", names: ["kind"], groups: new Map([["Bonn", ["West"]]]) };

describe("what a policy says to bring a column to a level", () => {
  it.each([
    ["a value as it is: keep", text, 0, column("text"), { kind: "keep" }],
    ["a day: truncate", time, 1, column("timestamp with time zone"), { kind: "truncate", to: "day" }],
    ["a quarter: truncate", time, 2, column("date"), { kind: "truncate", to: "quarter" }],
    ["a band of whole numbers: band", bands, 2, column("integer"), { kind: "band", width: 10, from: 5 }],
    ["a band of fractions: band", bands, 1, column("numeric(8,2)"), { kind: "band", width: 0.5, from: 5 }],
    ["a group: generalise", text, 1, column("text"), { kind: "generalise", map: { Bonn: "West" }, otherwise: null }],
    ["one text for all: set", text, "top", column("text", false), { kind: "constant", value: "*" }],
    ["one number for all: empty", bands, "top", column("integer"), { kind: "null" }],
  ] as const)("%s", (_, steps, level, of, transform) => {
    expect(at(steps, level, of)).toEqual({ transform });
  });

  it.each([
    ["a decade", time, 3, column("date"), "`truncate` goes to day, week, month, quarter, year, not to the decade"],
    ["a band of fractions of whole numbers", bands, 1, column("integer"), "a column of integer would round the ends"],
    ["a group of what is no text", text, 1, column("integer"), "groups may not fit into a column of integer"],
    [
      "a group of short texts",
      text,
      1,
      column("character varying(4)"),
      "groups may not fit into a column of character",
    ],
    ["one number for all of a column that is never empty", bands, "top", column("integer", false), "may not be empty"],
  ] as const)("nothing for %s, and why", (_, steps, level, of, missing) => {
    expect(at(steps, level, of).missing).toContain(missing);
  });
});

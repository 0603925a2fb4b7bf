import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { equalForms, normaliseFound, redactionPattern, type NamedValue } from "#lib/search-forms.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

type Case = { readonly pattern: string | null; readonly text: string };

/** What PostgreSQL makes of all texts, in one query. */
const redactAll = async (cases: readonly Case[]): Promise<string[]> => {
  const rows = await database.query<{ redacted: string }>(
    `select regexp_replace(v ->> 'text', v ->> 'pattern', '[erased]', 'gi') as redacted
     from jsonb_array_elements($1::text::jsonb) with ordinality a (v, n) order by n`,
    [JSON.stringify(cases)],
  );
  return rows.map(({ redacted }) => redacted);
};

const word = fc.stringMatching(/^[a-z][a-z0-9]{2,8}$/);
const name = fc.stringMatching(/^[A-ZÄÖÜÉ][a-zäöüéß]{2,8}(?:[ '-][A-Z][a-z]{2,6})?$/);
const email = fc
  .tuple(fc.stringMatching(/^[a-z][a-z0-9]{1,6}(?:[.+_-][a-z0-9]{2,5})?$/), word)
  .map(([local, domain]) => `${local}@${domain}.example`);
const phone = fc.stringMatching(/^1[5-7][0-9]{8}$/).map((digits) => `+49${digits}`);
const externalId = fc.stringMatching(/^[A-Z]{2}-[0-9]{4}(?:\\.[x(*+?])?$/);
const person = fc.record({ email, phone, external_id: externalId, name });
type Person = typeof person extends fc.Arbitrary<infer T> ? T : never;

const valuesOf = (one: Person): NamedValue[] => [
  { kind: "email", value: one.email },
  { kind: "phone", value: one.phone },
  { kind: "external_id", value: one.external_id },
  { kind: "name", value: one.name },
];

const spellings = (one: Person): string[] => {
  const national = one.phone.slice(3);
  return [
    one.email,
    one.email.toUpperCase(),
    one.email.replace("@", "%40").replaceAll("+", "%2B"),
    one.phone,
    `0${national}`,
    `0049 ${national}`,
    `+49 (0)${national.slice(0, 3)} / ${national.slice(3, 6)}-${national.slice(6)}`,
    `0${national.slice(0, 3)}\u00a0${national.slice(3)}`,
    one.external_id,
    one.name,
    one.name.toUpperCase().includes("SS") ? one.name : one.name.toLowerCase(),
    one.name.normalize("NFD"),
    one.name.replaceAll(" ", "\n"),
  ];
};
const between = fc.constantFrom(" ", ", ", "\n", "; ", "_", "*", '"', "(", "<");

test("no spelling of an identifier or name outlives its redaction, whatever stands beside it", async () => {
  const cases: (Case & { readonly expected: string })[] = [];
  fc.assert(
    fc.property(person, between, (one, gap) => {
      const written = spellings(one);
      cases.push({
        pattern: redactionPattern(valuesOf(one)),
        text: `x ${gap}${written.join(`${gap} x ${gap}`)}${gap} x`,
        expected: `x ${gap}${written.map(() => "[erased]").join(`${gap} x ${gap}`)}${gap} x`,
      });
    }),
    { numRuns: 60 },
  );
  expect(await redactAll(cases)).toEqual(cases.map(({ expected }) => expected));
});

test("what only contains an identifier or name is somebody else's and stays", async () => {
  const cases: Case[] = [];
  fc.assert(
    fc.property(person, between, (one, gap) => {
      const neighbours = [
        `xq${one.email}`,
        `${one.email}xq`.replace(/^/, "xq."),
        `${one.phone}7`,
        `9${one.phone.slice(1)}`,
        `${one.name}xq`,
        `xq${one.name}`,
        `xq${one.external_id}`,
      ];
      cases.push({ pattern: redactionPattern(valuesOf(one)), text: neighbours.join(` ${gap} `) });
    }),
    { numRuns: 60 },
  );
  expect(await redactAll(cases)).toEqual(cases.map(({ text }) => text));
});

test("there is nothing to look for in values that say nothing", () => {
  expect(redactionPattern([])).toBeNull();
  expect(
    redactionPattern([
      { kind: "key", value: "17" },
      { kind: "name", value: "A" },
      { kind: "name", value: "  " },
      { kind: "phone", value: "110" },
    ]),
  ).toBeNull();
});

test("an identifier in its normal form is among its own forms, and forms do not depend on case or composition", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        email.map((value) => ["email", value] as const),
        phone.map((value) => ["phone", value] as const),
        externalId.map((value) => ["external_id", value] as const),
      ),
      ([kind, value]) => {
        const forms = equalForms(kind, value);
        expect(new Set(forms).size).toBe(forms.length);
        expect(forms).toContain(kind === "phone" ? value.slice(1) : value.toLowerCase());
        if (kind !== "phone") {
          expect(equalForms(kind, value.toUpperCase())).toEqual(forms);
          expect(equalForms(kind, value.normalize("NFD"))).toEqual(forms);
        }
        expect(normaliseFound(kind, ` ${value} `, "DE")).toBe(value);
      },
    ),
  );
});

test("phone numbers have their international, dialled, national and mixed forms", () => {
  expect(equalForms("phone", "+491701234567").toSorted()).toEqual(
    ["491701234567", "00491701234567", "4901701234567", "004901701234567", "01701234567"].toSorted(),
  );
  expect(equalForms("phone", "+1234")).toEqual([]);
});

test("e-mail domains are looked for in both their forms", () => {
  expect(equalForms("email", "Ann@xn--mnchen-3ya.example")).toEqual([
    "ann@xn--mnchen-3ya.example",
    "ann@münchen.example",
  ]);
  expect(normaliseFound("email", "Ann@MÜNCHEN.example", "DE")).toBe("ann@xn--mnchen-3ya.example");
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf } from "#lib/canonical.ts";
import { fixedClock } from "#lib/clock.ts";
import { calendar } from "#demo/calendar.ts";
import { generateCompany } from "#demo/generate.ts";
import { traps } from "#demo/people.ts";
import { prng } from "#demo/prng.ts";
import { writeLetters } from "#demo/requests.ts";

const days = calendar(fixedClock("2026-11-22T10:00:00Z"), "Europe/Berlin");
const company = (seed: number, customers = 150) => generateCompany({ seed, customers, days });
const digest = (seed: number): string =>
  digestOf([...company(seed).tables].map(([name, rows]) => [name, JSON.stringify(rows)]));

describe("the sample company", () => {
  it("is the same for the same seed and another for another", () => {
    expect(digest(7)).toBe(digest(7));
    expect(digest(7)).not.toBe(digest(8));
  });

  it("never uses an e-mail address, a telephone number or an external id twice", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000 }), (seed) => {
        const { people } = company(seed, 300);
        for (const values of [
          people.map(({ email }) => email.toLowerCase()),
          people.flatMap(({ phone }) => phone ?? []),
          people.flatMap(({ externalId }) => externalId ?? []),
        ]) {
          expect(new Set(values).size).toBe(values.length);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("never uses an e-mail address that is part of another one", () => {
    const emails = company(7, 2000).people.map(({ email }) => email.toLowerCase());
    // Sorted by their reversed text, an address stands directly before those that end with it.
    const reversed = emails.map((email) => Array.from(email).toReversed().join("")).toSorted();
    expect(reversed.filter((email, index) => reversed[index + 1]?.startsWith(email) === true)).toEqual([]);
  });

  it("uses reserved domains only", () => {
    expect(company(7, 500).people.filter(({ email }) => !/@example\.(org|com|net)$/i.test(email))).toEqual([]);
  });

  it("has every constellation that makes erasure hard", () => {
    const { people, tables } = company(7, 2000);
    const rows = (table: string) => tables.get(table) ?? [];
    const owner = new Map(rows("invoices").map((invoice) => [invoice["id"], invoice["customer_id"]]));
    expect(people.some(({ parent }) => parent !== undefined)).toBe(true);
    expect(new Set(people.map(({ addressId }) => addressId)).size).toBeLessThan(people.length);
    expect(rows("payments").some((payment) => payment["payer_id"] !== owner.get(payment["invoice_id"] ?? 0))).toBe(
      true,
    );
    const noteOwner = new Map(rows("credit_notes").map((note) => [note["id"], note["customer_id"]]));
    const crossed = rows("credit_note_allocations").filter(
      (each) => noteOwner.get(each["credit_note_id"] ?? 0) !== owner.get(each["invoice_id"] ?? 0),
    );
    expect(crossed.length).toBeGreaterThan(0);
    expect(new Set(people.map(({ trap }) => trap))).toEqual(new Set([undefined, ...traps]));
    expect([...tables.values()].reduce((sum, each) => sum + each.length, 0)).toBeGreaterThan(60_000);
  });
});

describe("the letter-box", () => {
  it("holds the same letters for the same seed, about sixty of them", () => {
    const sample = company(7, 2000);
    const box = writeLetters(7, sample, days);
    expect(writeLetters(7, sample, days).csv).toBe(box.csv);
    expect(box.csv.split("\n")[0]).toBe("received,email,phone,external_id,ground");
    expect(box.lines).toBeGreaterThanOrEqual(55);
    expect(box.lines).toBeLessThanOrEqual(65);
    expect(box.free.length).toBe(44);
  });

  it("has late letters only of people whom none of the five policies lets wait, so that a night never ends with one overdue", () => {
    let late = 0;
    for (let seed = 1; seed <= 10; seed += 1) {
      const sample = company(seed, 600);
      const { csv, senders } = writeLetters(seed, sample, days);
      const gifts = sample.tables.get("gifts") ?? [];
      for (const [index, line] of csv.trimEnd().split("\n").slice(1).entries()) {
        if (line.slice(0, 10) >= days.day(31) || !line.startsWith("2")) continue;
        const person = senders[index];
        late += 1;
        expect(person).toMatchObject({ trap: undefined });
        expect(sample.people.filter(({ parent }) => parent !== undefined && parent === person)).toEqual([]);
        expect(gifts.filter((gift) => [gift["gifter_id"], gift["recipient_id"]].includes(person?.id ?? 0))).toEqual([]);
      }
      expect(senders.length).toBe(csv.trimEnd().split("\n").length - 1);
    }
    expect(late).toBeGreaterThan(10);
  });

  it("knows who wrote each letter", () => {
    const { csv, senders } = writeLetters(7, company(7, 600), days);
    for (const [index, line] of csv.trimEnd().split("\n").slice(1).entries()) {
      const [, email] = line.split(",");
      const named = senders[index];
      if (email === undefined || email === "" || named === undefined) continue;
      expect(email.toLowerCase()).toBe(named.email.toLowerCase());
    }
    expect(senders.filter((person) => person === undefined).length).toBe(5);
  });
});

describe("the seeded stream", () => {
  it("keeps every draw inside its bounds", () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.string(),
        fc.integer({ min: -50, max: 50 }),
        fc.nat(100),
        (seed, label, low, width) => {
          const value = prng(seed, label).int(low, low + width);
          expect(value).toBeGreaterThanOrEqual(low);
          expect(value).toBeLessThanOrEqual(low + width);
        },
      ),
    );
  });
});

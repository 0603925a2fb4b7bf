import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { refuseRequest } from "#intake/decide.ts";
import { checkIdentity, extendRequest } from "#intake/duties.ts";
import { showRequest } from "#intake/show.ts";
import { composeLetter } from "#letters/compose.ts";
import { languages, letterKinds, parseLanguage, readLanguage, type LetterKind } from "#letters/language.ts";
import { writeLetter } from "#letters/write.ts";
import type { Night } from "#test/execute/night.ts";
import { openCreditNotes } from "#test/letters/credit-notes.ts";
import { repository } from "#test/support/cli.ts";

let night: Night;
afterEach(() => night.dispose());

const open = async (): Promise<void> => {
  night = await openCreditNotes();
};

const letter = async (ref: string, kind: LetterKind, language = "en"): Promise<string> =>
  (await composeLetter(night.context, ref, kind, await readLanguage(language))).markdown;

describe("a letter", () => {
  test("says what is on record, in every language: dates as people write them, law and last day of what stays, and the last backup", async () => {
    await open();
    const [ada = "", ben = "", cy = ""] = await night.ask(
      { email: "ada.canary@example.org" },
      { email: "ben.canary@example.org", received: "2026-10-30" },
      { email: "cy.canary@example.org" },
    );
    await checkIdentity(night.context, ben, { by: "dpo", step: "asked", on: "2026-11-01" });
    await extendRequest(night.context, ben, { by: "dpo", reason: "complexity", noticed: "2026-11-02" });
    await refuseRequest(night.context, cy, { by: "dpo", reason: "manifestly-unfounded" });
    const acknowledged = await letter(ben, "acknowledgement");
    expect(acknowledged).toContain("It arrived on **30 October 2026** and has the reference");
    expect(acknowledged).toContain("we have asked you on 1 November 2026 to prove your identity");
    expect(await letter(ben, "extension", "de")).toContain(
      "spätestens bis zum **1. Februar 2027** (GDPR Art. 12(3), extended)",
    );
    expect(await letter(cy, "refusal", "fr")).toContain("La demande est manifestement infondée");
    await night.nightly();
    const done = await letter(ada, "completion");
    expect(done).toContain("- credit notes: until 1 January 2035, by HGB §257 (Art. 17(3)(b) GDPR)");
    expect(done).toContain("- credit notes, note: the books need it, until 1 January 2035");
    expect(done).toContain("Backups of our systems still hold your data until **2 December 2026** at the latest.");
    for (const language of await languages()) {
      for (const [ref, kind] of [
        [ben, "acknowledgement"],
        [ben, "extension"],
        [cy, "refusal"],
        [ada, "completion"],
      ] as const) {
        const text = await letter(ref, kind, language);
        expect(text).toContain(ref);
        expect(text).not.toMatch(/\{\{|\}\}|undefined|null|canary/);
        if (kind !== "acknowledgement") expect(text).toMatch(/Art\. 77|art\. 77/);
      }
    }
    await expect(letter(ada, "refusal")).rejects.toMatchObject({ code: "REQUEST_STATE" });
    await expect(letter(ada, "extension")).rejects.toMatchObject({ code: "REQUEST_STATE" });
    await expect(letter(cy, "completion")).rejects.toMatchObject({ code: "REQUEST_STATE" });

    const directory = join(night.directory, "letters");
    const { files } = await writeLetter(night.context, ada, { kind: "completion", language: "de", directory });
    const [markdown = "", pdf = ""] = files;
    expect(markdown).toBe(join(directory, `${ada}-completion-de.md`));
    expect(await readFile(markdown, "utf8")).toContain("# Ihr Antrag auf Löschung");
    expect((await readFile(pdf)).subarray(0, 5).toString("latin1")).toBe("%PDF-");
    const again = writeLetter(night.context, ada, { kind: "completion", language: "de", directory });
    await expect(again).rejects.toMatchObject({ code: "FILE_EXISTS" });
  });
});

test.each([
  ["en", "The law obliges us to keep the data. This rests on HGB §257 (Art. 17(3)(b) GDPR)."],
  [
    "de",
    "Das Gesetz verpflichtet uns, die Daten aufzubewahren. Das ergibt sich aus HGB §257 (Art. 17 Abs. 3 lit. b DSGVO).",
  ],
  ["fr", "La loi nous oblige à conserver les données. Fondement : HGB §257 (art. 17, par. 3, point b), du RGPD)."],
])("a refusal on an exception cites it with its provision: %s", async (language, reason) => {
  await open();
  const [ada = "", ben = ""] = await night.ask(
    { email: "ada.canary@example.org" },
    { email: "ben.canary@example.org" },
  );
  await refuseRequest(night.context, ada, { by: "dpo", reason: "legal-obligation", citation: "HGB §257" });
  await refuseRequest(night.context, ben, { by: "dpo", reason: "excessive" });
  expect(await letter(ada, "refusal", language)).toContain(`\n\n${reason}\n\n`);
  expect(await letter(ben, "refusal", language)).not.toMatch(/art\. 17|§|\(\)/i);
});

test("a letter tells the exception by which records were retained then, whatever the policy says today", async () => {
  await open();
  const [ada = ""] = await night.ask({ email: "ada.canary@example.org" });
  await night.nightly();
  const stores = night.context.stores.map((store) => {
    const { voucher, ...classes } = store.policy.classes;
    if (voucher === undefined) throw new TypeError("the policy has vouchers");
    return {
      ...store,
      policy: { ...store.policy, classes: { ...classes, voucher: { ...voucher, exception: "e" as const } } },
    };
  });
  const today = { ...night.context, stores };
  const { markdown } = await composeLetter(today, ada, "completion", await readLanguage("de"));
  expect(markdown).toContain("nach HGB §257 (Art. 17 Abs. 3 lit. b DSGVO)");
  const { dispositions } = await showRequest(today, ada);
  expect(dispositions).toMatchObject([
    { table: "credit_notes", exception: "b" },
    { table: "customers", exception: null },
  ]);
  const [entry] = await night.state.query<{ body: string }>(
    "select body from lethe.ledger_entry where kind = 'request.erased'",
  );
  expect(JSON.parse(entry?.body ?? "{}")).toMatchObject({
    dispositions: [{ table: "credit_notes", basis: "HGB §257", exception: "b" }, { table: "customers" }],
  });
});

test("another language is another file with the same keys: what is missing, and what no letter knows, is said with its place", async () => {
  await open();
  const text = await readFile(join(repository, "reports/letters/en.yaml"), "utf8");
  expect((await languages()).length).toBeGreaterThanOrEqual(3);
  expect(Object.keys(parseLanguage("en.yaml", text).letters)).toEqual([...letterKinds, "remedies"]);
  const wrong = (from: string, to: string) => () => parseLanguage("xx.yaml", text.replace(from, to));
  expect(wrong("{{extensionReason}}", "{{extensionReson}}")).toThrow(
    "{{extensionReson}} is nothing that a letter knows",
  );
  expect(wrong("closing: ", "clossing: ")).toThrow(
    expect.objectContaining({ code: "CONFIG_INVALID", place: expect.objectContaining({ line: expect.any(Number) }) }),
  );
  await expect(readLanguage("tlh")).rejects.toMatchObject({
    code: "USAGE",
    hint: expect.stringContaining("de, en, fr"),
  });
});

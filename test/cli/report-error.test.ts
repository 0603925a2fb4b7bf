import pg from "pg";
import { CommanderError } from "commander";
import { expect, test } from "vitest";
import { errorDocument, errorText, presentable } from "#cli/report-error.ts";
import { LetheError } from "#lib/errors.ts";

const canary = "canary-julia@example.com";

test("people get the code, the message, the place as editors link it, and what to do", () => {
  const error = new LetheError("POLICY_INVALID", "unknown key treatmnt", {
    place: { file: "policies/shop.yaml", line: 12, column: 5 },
    hint: "did you mean treatment?",
  });
  expect(errorText(error)).toBe(
    "error POLICY_INVALID: unknown key treatmnt\n  at policies/shop.yaml:12:5\n  hint: did you mean treatment?",
  );
  expect(errorDocument(error)).toEqual({
    error: {
      code: "POLICY_INVALID",
      message: "unknown key treatmnt",
      hint: "did you mean treatment?",
      place: { file: "policies/shop.yaml", line: 12, column: 5 },
    },
  });
});

test("an unknown error shows its name and where it arose, never what it says", () => {
  const shown = presentable(new RangeError(`cannot parse ${canary} at src/not-here.ts:1`));
  expect(shown.code).toBe("INTERNAL");
  expect(shown.exit).toBe(1);
  expect(errorText(shown)).toContain("RangeError");
  for (const text of [errorText(shown), JSON.stringify(errorDocument(shown))])
    expect(text).not.toMatch(/canary|not-here/);
  expect(errorText(presentable(canary))).not.toContain(canary);
  expect(errorText(presentable(Object.assign(new Error("x"), { name: canary })))).not.toContain(canary);
});

test("an error of the database is told by SQLSTATE and constraint", () => {
  const said = new pg.DatabaseError(`Key (email)=(${canary})`, 0, "error");
  const shown = presentable(Object.assign(said, { code: "23505", constraint: "email_key", detail: canary }));
  expect(shown.code).toBe("DATABASE_FAILED");
  expect(errorText(shown)).toContain("23505");
  expect(errorText(shown)).not.toContain(canary);
});

test("a mistake in the command line is a usage error with the suggestion as its hint", () => {
  const shown = presentable(
    new CommanderError(1, "commander.unknownOption", "error: unknown option '--jso'\n(Did you mean --json?)"),
  );
  expect(shown).toMatchObject({ code: "USAGE", exit: 2, message: "unknown option '--jso'" });
  expect(shown.hint).toMatch(/^Did you mean --json\?/);
});

test("when closing fails after the work has failed, the work's error is shown", () => {
  const work = new LetheError("RUN_IN_PROGRESS", "another run is at work", { hint: "wait" });
  expect(presentable(Object.assign(new Error("x"), { error: new Error("closing"), suppressed: work }))).toBe(work);
});

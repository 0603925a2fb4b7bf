import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import type { Shell } from "#cli/shell.ts";
import { verifyBundle, type VerifiedBundle } from "#evidence/verify-bundle.ts";
import { LetheError } from "#lib/errors.ts";

/** `lethe verify BUNDLE --key PUBLIC.pem`: needs no configuration and no database, and works offline. */
export const register = (program: Command, shell: Shell): void => {
  program
    .command("verify")
    .description("check a bundle offline, with nothing but the controller's public key")
    .argument("<bundle>", "the directory of the bundle")
    .requiredOption("--key <public.pem>", "the controller's public key")
    .action(async (bundle: string, options: { key: string }) => {
      const verified = await verifyBundle(resolve(bundle), await readKey(options.key));
      shell.answer({ verified: true, ...verified }, () => describe(verified));
    });
};

const readKey = async (path: string): Promise<string> => {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new LetheError("KEY_MISSING", `the key cannot be read: ${path}`, {
      hint: "give with --key the controller's public key, a file that ends in .pem",
      cause,
    });
  }
};

const describe = (verified: VerifiedBundle): string =>
  [
    ...verified.checks.map((check) => `✓ ${check}`),
    "",
    ...factsOf(verified).map(([label, fact]) => `${label.padEnd(12)}${fact}`),
  ].join("\n");

const factsOf = (verified: VerifiedBundle): readonly (readonly [string, string])[] => {
  const { about, keyId, ledger } = verified;
  const signed = [
    ["signed", `${about.created} by key ${keyId}`],
    ["ledger", `${ledger.head.size} entries, root ${ledger.head.root}`],
  ] as const;
  if (verified.kind === "certificate") {
    const { state, received, verified: search, completed } = verified.request;
    return [
      ["controller", about.controller],
      ["request", `${verified.about.request}, received on ${received}: ${state}`],
      ["searched", `${search.at}, nothing found`],
      ["backups", completed === null ? "may still hold it" : `none held it any more on ${completed}`],
      ...signed,
    ];
  }
  const { run, period } = verified.about;
  const { counts } = verified;
  return [
    ["controller", about.controller],
    run === null ? ["period", `${period?.from} to ${period?.to}`] : ["run", run],
    ...signed,
    [
      "requests",
      `${counts.received} received = ${counts.done} done + ${counts.refused} refused + ${counts.withdrawn} withdrawn` +
        ` + ${counts.pending} pending + ${counts.failed} failed`,
    ],
    ["", `of the pending, ${counts.blocked} blocked and ${counts.overdue} overdue`],
  ];
};

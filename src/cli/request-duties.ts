import { resolve } from "node:path";
import type { Command } from "commander";
import { whoDecides } from "#cli/request-arguments.ts";
import type { Shell } from "#cli/shell.ts";
import { checkIdentity, confirmReceipt, extendRequest, extensionReasons, type Done } from "#intake/duties.ts";
import { LetheError } from "#lib/errors.ts";

type By = { readonly by?: string };

/** `lethe request confirm`, `identity` and `extend`: what is owed to the person before the answer. */
export const registerDuties = (request: Command, shell: Shell): void => {
  const answer = (done: Done, what: string): void =>
    shell.answer(done, () => `${done.ref} ${what}; due on ${done.due}`);

  deciding(request.command("confirm"))
    .description("receipt was confirmed to the person, where the law asks for it (CCPA)")
    .argument("<id>", "the request's reference")
    .requiredOption("--on <date>", "the day on which it was")
    .action(async (id: string, { by, on }: By & { readonly on: string }) => {
      const done = await shell.withContext((context) => confirmReceipt(context, id, { by: whoDecides(by), on }));
      answer(done, `is confirmed on ${on}`);
    });

  deciding(request.command("identity"))
    .description("the person was asked to prove who they are, or has done so (Art. 12(6) GDPR); shows both clocks")
    .argument("<id>", "the request's reference")
    .option("--asked <date>", "the day on which the person was asked")
    .option("--proven <date>", "the day on which the proof came")
    .action(async (id: string, { by, asked, proven }: By & { readonly asked?: string; readonly proven?: string }) => {
      const on = asked ?? proven;
      if (on === undefined || (asked !== undefined && proven !== undefined)) {
        throw new LetheError("USAGE", "identity takes either --asked or --proven", {
          hint: "lethe request identity R-7K3M-2QXA-9DTB --asked 2026-11-04",
        });
      }
      const step = asked === undefined ? "proven" : "asked";
      const done = await shell.withContext((context) => checkIdentity(context, id, { by: whoDecides(by), step, on }));
      answer(done, step === "asked" ? `waits for a proof since ${on}` : `is proven since ${on}`);
    });

  deciding(request.command("extend"))
    .description("answer later (Art. 12(3) GDPR): with a reasoned notice to the person in the first period")
    .argument("<id>", "the request's reference")
    .requiredOption("--reason <reason>", extensionReasons.join(", "))
    .requiredOption("--noticed <date>", "the day on which the person was told, and why")
    .action(
      async (id: string, { by, reason: text, noticed }: By & { readonly reason: string; readonly noticed: string }) => {
        const reason = extensionReasons.find((candidate) => candidate === text);
        if (reason === undefined) {
          throw new LetheError("USAGE", "the reason is not one of the list", {
            hint: `reasons: ${extensionReasons.join(", ")}`,
          });
        }
        const decision = { by: whoDecides(by), reason, noticed };
        answer(await shell.withContext((context) => extendRequest(context, id, decision)), "is extended");
      },
    );

  request
    .command("letter")
    .description("a text to the person, as Markdown and PDF, from what is on record; add name and address, and send it")
    .argument("<id>", "the request's reference")
    .requiredOption("--kind <kind>", "acknowledgement, extension, refusal or completion")
    .option("--language <code>", "en, de, fr, or another for which there is a file", "en")
    .option("--out <folder>", "where the two files go", "letters")
    .action(async (id: string, options: { readonly kind: string; readonly language: string; readonly out: string }) => {
      const [{ letterKinds }, { writeLetter }] = await Promise.all([
        import("#letters/language.ts"),
        import("#letters/write.ts"),
      ]);
      const kind = letterKinds.find((candidate) => candidate === options.kind);
      if (kind === undefined) {
        throw new LetheError("USAGE", "there is no such letter", { hint: `kinds: ${letterKinds.join(", ")}` });
      }
      const order = { kind, language: options.language, directory: options.out };
      const written = await shell.withContext((context) => writeLetter(context, id, order));
      shell.answer(written, () => written.files.join("\n"));
    });

  request
    .command("certificate")
    .description("a signed certificate of what became of it, with a receipt for each ledger entry; names nobody")
    .argument("<id>", "the request's reference")
    .option("--language <code>", "of the page: en, de, fr, or another for which there is a file", "en")
    .option("--out <directory>", "which must not exist yet; certificate-<id> unless given")
    .action(async (id: string, { language, out }: { readonly language: string; readonly out?: string }) => {
      const [{ writeCertificate }, { assertStateIsNewest }] = await Promise.all([
        import("#certificate/write-certificate.ts"),
        import("#report/own-state.ts"),
      ]);
      const order = { language, directory: resolve(out ?? `certificate-${id}`) };
      const written = await shell.withContext(async (context) => {
        await assertStateIsNewest(context);
        return writeCertificate(context, id, order);
      });
      shell.answer(written, () => `${written.certificate} (${written.state})\n${written.directory}`);
    });
};

export const deciding = (command: Command): Command =>
  command.option("--by <name>", "who decides; LETHE_USER or the operating system's user unless given");

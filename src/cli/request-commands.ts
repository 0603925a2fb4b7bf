import type { Command } from "commander";
import { parseGround, parseRefusalReason, parseState, whoDecides } from "#cli/request-arguments.ts";
import { fieldsFrom, readFieldLines, type FieldOptions } from "#cli/request-fields.ts";
import { deciding, registerDuties } from "#cli/request-duties.ts";
import { addedText, importText, lateText, listText } from "#cli/request-text.ts";
import type { Shell } from "#cli/shell.ts";
import { showText } from "#cli/show-text.ts";
import { approveAll, approveRequests, type Approved, type PlanFor } from "#intake/approve.ts";
import { parseHoldReason } from "#cli/hold.ts";
import { releaseRequest } from "#holds/release.ts";
import { holdRequest } from "#holds/request.ts";
import { refuseRequest, withdrawRequest, type Decided } from "#intake/decide.ts";
import { refusalReasons } from "#intake/decision.ts";
import { importFile } from "#intake/import-file.ts";
import { addRequest, listRequests, type RequestLine } from "#intake/requests.ts";
import { showRequest } from "#intake/show.ts";
import { LetheError } from "#lib/errors.ts";
import { holdReasons } from "#records/hold.ts";

type By = { readonly by?: string };
type HoldOptions = { readonly matter: string; readonly why: string; readonly until?: string };

/** The commands of intake, with the planning that an approval binds to. */
export const registerRequests = (program: Command, shell: Shell, planFor: PlanFor): void => {
  const request = program.command("request").description("erasure requests: enter, look at, decide");
  const answerDecided = (decided: Decided): void => shell.answer(decided, () => `${decided.ref} is ${decided.state}`);

  request
    .command("add")
    .description(
      "enter one request; joins the person's open one. Prefer --stdin: other users of the machine see arguments",
    )
    .option("--email <address>")
    .option("--phone <number>", "national numbers are read as those of the controller's country")
    .option("--external-id <id>", "the id under which other systems know the person")
    .option("--key <key>", "the primary key of the person's row")
    .option("--device-id <id>")
    .option("--received <date>", "ISO date, or ISO instant; today unless given")
    .option("--ground <letter>", "a to f of Art. 17(1) GDPR")
    .option("--purpose <word>", "what it is for, where a policy asks: delete-user unless given")
    .option("--regime <name>", "whose deadlines: gdpr, uk or ccpa; the controller's unless given")
    .option("--stdin", "read lines like email=… from standard input too")
    .action(async (options: FieldOptions & { readonly stdin?: true }) => {
      const lines = options.stdin === true ? await readFieldLines(process.stdin) : {};
      const fields = { ...fieldsFrom(options), ...lines };
      const added = await shell.withContext((context) => addRequest(context, fields));
      shell.answer(added, () => addedText(added));
    });

  request
    .command("import")
    .description("enter requests from a CSV or XLSX file; importing it again changes nothing")
    .argument("<file>", "columns: received, email, phone, external_id, key, device_id, ground, purpose, regime")
    .action(async (file: string) => {
      const result = await shell.withContext((context) => importFile(context, file));
      shell.answer(result, () => importText(result));
    });

  request
    .command("list")
    .description("the register, the most urgent first, without identifiers")
    .option("--state <state>", "only requests in this state")
    .option("--overdue", "only pending requests that were due before today")
    .action(async ({ state, overdue }: { readonly state?: string; readonly overdue?: true }) => {
      const filter = { state: parseState(state), overdue };
      const requests = await shell.withContext(async (context) => {
        const lines: RequestLine[] = [];
        for await (const line of listRequests(context, filter)) lines.push(line);
        return lines;
      });
      shell.answer({ requests }, () => listText(requests));
    });

  request
    .command("show")
    .description("everything on record about a request, except whom it is about")
    .argument("<id>", "the request's reference")
    .action(async (id: string) => {
      const view = await shell.withContext((context) => showRequest(context, id));
      shell.answer(view, () => showText(view));
    });

  deciding(request.command("approve"))
    .description("confirm that requests may run; binds to the plan as it is now")
    .argument("[id...]", "references")
    .option("--all", "everything that waits for approval, but for subjects who are active again")
    .option("--ground <letter>", "a to f of Art. 17(1) GDPR, as you find it; with --all, of those that have none")
    .action(async (ids: string[], options: By & { readonly all?: true; readonly ground?: string }) => {
      if (ids.length > 0 === (options.all === true)) throw refusedChoice();
      const approval = { by: whoDecides(options.by), planFor, ground: parseGround(options.ground) };
      const approved = await shell.withContext((context) =>
        options.all === true ? approveAll(context, approval) : approveRequests(context, ids, approval),
      );
      const plans = approved.plans.map((hash) => ` by plan ${hash.slice(0, 12)}`).join(",");
      shell.answer(
        approved,
        () =>
          `${approved.approved} approved${plans}${groundText(approved.withoutGround)}${refusedText(approved)}${reactivatedText(approved.reactivated)}`,
      );
    });

  deciding(request.command("refuse"))
    .description("turn a request down and forget whom it was about")
    .argument("<id>", "the request's reference")
    .requiredOption("--reason <reason>", refusalReasons.join(", "))
    .option("--citation <provision>", "for a reason of Art. 17(3) GDPR: what it rests on, such as HGB §257; no names")
    .action(
      async (id: string, { by, reason, citation }: By & { readonly reason: string; readonly citation?: string }) => {
        const decision = { by: whoDecides(by), reason: parseRefusalReason(reason), citation };
        const refused = await shell.withContext((context) => refuseRequest(context, id, decision));
        const warning = refused.late === null ? "" : `\nlate: ${lateText(refused.late)}; tell them today`;
        shell.answer(refused, () => `${refused.ref} is refused${warning}`);
      },
    );

  deciding(request.command("withdraw"))
    .description("the person no longer wants it: end the request and forget whom it was about")
    .argument("<id>", "the request's reference")
    .action(async (id: string, options: By) => {
      answerDecided(await shell.withContext((context) => withdrawRequest(context, id, { by: whoDecides(options.by) })));
    });

  deciding(request.command("hold"))
    .description("put the person of a request under a legal hold; see also `lethe hold`")
    .argument("<id>", "the request's reference")
    .requiredOption("--matter <reference>", "the case's file reference; no names, it goes into the ledger")
    .option("--why <reason>", holdReasons.join(", "), "other")
    .option("--until <date>", "the last day on which it is in force; until it is released unless given")
    .action(async (id: string, { by, matter, why, until }: By & HoldOptions) => {
      const hold = { by: whoDecides(by), matter, reason: parseHoldReason(why), until };
      answerDecided(await shell.withContext((context) => holdRequest(context, id, hold)));
    });

  deciding(request.command("release"))
    .description("end a legal hold: the request goes back to where it was")
    .argument("<id>", "the request's reference")
    .action(async (id: string, options: By) => {
      answerDecided(await shell.withContext((context) => releaseRequest(context, id, { by: whoDecides(options.by) })));
    });

  registerDuties(request, shell);
};

const groundText = (without: number): string =>
  without === 0
    ? ""
    : `\nof these ${without} without a ground of Art. 17(1) GDPR: the next time give --ground with the approval, or enter requests with one`;

const refusedText = ({ refused, refusedLate }: Approved): string => {
  if (refused.length === 0) return "";
  const late = refusedLate.length === 0 ? "" : `\n${refusedLate.join(", ")} refused late: tell these persons today`;
  return `\n${refused.join(", ")} refused: the policy is for other purposes${late}`;
};

const reactivatedText = (reactivated: readonly string[]): string =>
  reactivated.length === 0
    ? ""
    : `\n${reactivated.join(", ")} left: active again since, or it cannot be told; ask the person, then approve by reference, or refuse`;

const refusedChoice = (): LetheError =>
  new LetheError("USAGE", "approve takes references, or --all", {
    hint: "lethe request approve R-7K3M-2QXA-9DTB, or lethe request approve --all",
  });

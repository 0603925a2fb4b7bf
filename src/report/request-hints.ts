import { requestCodes, type RequestDetail } from "#records/request.ts";

/** What a person does about a request that stopped with one of Lethe's own codes. */
const hints: Readonly<Record<(typeof requestCodes)[number], string>> = {
  SUBJECT_NOT_FOUND:
    "Check the identifiers with the person and refuse the request; add one with the right ones, if any.",
  SUBJECT_AMBIGUOUS:
    "Several people match. Refuse the request and add one that names only the right one, such as by key alone.",
  SUBJECT_HELD: "Another request for the same person is held. This one goes on by itself when that is released.",
  PLAN_CHANGED: "The plan is no longer the one that was approved. Look at the new plan and approve again.",
  PLAN_MOVED: "The data moved past the plan. The next night plans again; look at it if this repeats.",
  CONSTRAINT_VIOLATED: "The database forbids the change. Correct the policy or the row, then approve again.",
  ROW_LOCKED: "Another session holds the rows. The next night tries again; end that session if this repeats.",
  STATEMENT_TIMEOUT: "The change took too long. Add an index on the path or raise the timeout of the store.",
  SHARED_ROW: "A live person uses the row as well. Decide with the application's owner who it belongs to.",
  RESIDUAL:
    "Personal data was found after erasure. Clean the column by hand; every night searches again. Cover it in the policy for those who come next.",
  LEGAL_HOLD: "Held for a legal matter. Release it when the matter has ended.",
  RESTORE_UNCERTAIN:
    "A restore brought back a row that may be of somebody who was erased. `lethe backups guard --json` names its key: look at the row, then approve or refuse.",
  TOTALS_CHANGED: "The totals would not stay equal. Correct the policy's transform of the column.",
  RULE_UNDONE:
    "A trigger of the database undoes what the policy asks for. Change the trigger or the rule, then approve again.",
  CLOCK_UNREADABLE: "A date from which a period counts is infinite or out of range. Correct it, then approve again.",
  SUM_UNREADABLE: "A number that would be summed up is NaN or infinite. Correct it, then approve again.",
  REACTIVATED: "Somebody has activated the account again. Ask the person, then approve by reference, or refuse.",
  MARK_UNREADABLE:
    "Whether the account is active again cannot be told: the columns that said so are gone. Look at it, then approve by reference, or refuse.",
  ATTACK_MATCHED:
    "This person alone fits rows of a table that is anonymised, by records that are kept. It goes once enough others go with it; make the columns coarser if that takes too long.",
  ANONYMITY_BELOW:
    "Too few others look like this person in a table that is anonymised. It goes once enough others go with it; make the columns of `quasi` coarser if that takes too long.",
};

const isOwn = (code: string): code is keyof typeof hints => Object.hasOwn(hints, code);

/** The hint that came with the request, else the one for its code, else none. */
export const hintFor = (code: string | null, detail: RequestDetail | null): string | null =>
  detail?.hint ?? (code !== null && isOwn(code) ? hints[code] : null);

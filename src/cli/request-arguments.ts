import { userInfo } from "node:os";
import { refusalReasons, type RefusalReason } from "#intake/decision.ts";
import { LetheError } from "#lib/errors.ts";
import { grounds, requestStates, type Ground, type RequestState } from "#records/request.ts";

/** The name on the decision: `--by`, else `LETHE_USER`, else the operating system's user. */
export const whoDecides = (by: string | undefined): string => {
  const name = (by ?? process.env["LETHE_USER"] ?? userInfo().username).normalize("NFC").trim();
  if (name !== "" && name.length <= 200 && !/\p{Cc}/u.test(name)) return name;
  throw new LetheError("USAGE", "nobody is named as the one who decides", {
    hint: "give --by, a name of up to 200 characters",
  });
};

export const parseState = (text: string | undefined): RequestState | undefined => {
  const state = requestStates.find((candidate) => candidate === text);
  if (text === undefined || state !== undefined) return state;
  throw new LetheError("USAGE", "there is no such state", { hint: `states: ${requestStates.join(", ")}` });
};

export const parseGround = (text: string | undefined): Ground | undefined => {
  const ground = grounds.find((candidate) => candidate === text?.trim().toLowerCase());
  if (text === undefined || ground !== undefined) return ground;
  throw new LetheError("USAGE", "there is no such ground", {
    hint: `grounds of Art. 17(1) GDPR: ${grounds.join(", ")}`,
  });
};

/** Not quoted when it is wrong: people write sentences about persons here. */
export const parseRefusalReason = (text: string): RefusalReason => {
  const reason = refusalReasons.find((candidate) => candidate === text);
  if (reason !== undefined) return reason;
  throw new LetheError("USAGE", "the reason is not one of the list", { hint: `reasons: ${refusalReasons.join(", ")}` });
};

import type { CheckedRepository } from "#backups/check.ts";
import { wrap } from "#cli/wrap.ts";

/** What `lethe backups check` found, as people read it. */
export const checkScreen = (repositories: readonly CheckedRepository[]): string => {
  if (repositories.length === 0) return "The configuration names no backups.";
  return repositories
    .map(({ repository, store, keepDays, window, findings }) => {
      const back =
        window === null
          ? "  nothing can be restored from it, as far as is known"
          : `  ${store} can be restored as it was from ${minutes(window.oldest)} to ${minutes(window.newest)}`;
      const found = findings.map(({ code, message, hint }) =>
        [`  ! ${code}  ${wrap(message, 6 + code.length)}`, ...(hint === null ? [] : [`    ${wrap(hint, 4)}`])].join(
          "\n",
        ),
      );
      return [
        `${repository}, ${keepDays === null ? "not configured any more" : `at most ${keepDays} days`}`,
        back,
        ...(found.length === 0 ? ["  ok"] : found),
      ].join("\n");
    })
    .join("\n\n");
};

/** To the minute, in UTC, as the other instants of backups are told. */
const minutes = (instant: string): string => `${instant.slice(0, 16)}Z`;

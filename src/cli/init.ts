import type { Command } from "commander";
import type { Shell } from "#cli/shell.ts";
import { dayIn } from "#lib/clock.ts";
import { initialise, type Initialised } from "#init/run-init.ts";

type Flags = { directory: string; schema?: string[]; subject?: string; country?: string; name?: string };

/** `lethe init <postgres-url>`: from a live database to a configuration that can be reviewed. */
export const register = (program: Command, shell: Shell): void => {
  program
    .command("init")
    .description("draft configuration, policy and keys from a live database, and print the GRANTs it takes")
    .argument("<postgres-url>", "address of the database; it is read, and not written to any file")
    .option("--directory <path>", "where the files go", ".")
    .option("--schema <name>", "a schema of the database, repeatable (default: public)", collect)
    .option("--subject <table>", "the table whose rows are the data subjects, instead of a guess")
    .option("--country <code>", "ISO code of the controller's country: holidays and retention periods", upperCase)
    .option("--name <name>", "the controller's name")
    .action(async (url: string, flags: Flags) => {
      const result = await initialise({
        url,
        directory: flags.directory,
        schemas: flags.schema ?? ["public"],
        subject: flags.subject,
        country: flags.country,
        organisation: flags.name,
        today: dayIn(await shell.now(), "UTC").toString(),
      });
      shell.answer({ ...result }, () => textOf(result));
    });
};

const collect = (value: string, previous: string[] = []): string[] => [...previous, value];
const upperCase = (value: string): string => value.toUpperCase();

const textOf = ({ files, variable, database, subject, tables, reviews, role, grants }: Initialised): string =>
  `Read ${tables} tables of ${database}; the data subjects are the rows of ${subject}.

Written:
${files.map((file) => `  ${file}`).join("\n")}

A role that holds what the policy needs, and no more: run ${files[2] ?? "this"} once, as the owner of
the tables, and set the role's password with \\password ${role} in psql. It says:

${grants.map((grant) => `  ${grant.replaceAll("\n", "\n  ")}`).join("\n")}

Next:
  1. export ${variable}=postgres://${role}:PASSWORD@HOST:PORT/${encodeURIComponent(database)}
  2. go through the ${reviews} lines marked "# review:" in ${files[1] ?? "the policy"}
  3. lethe policy check
`;

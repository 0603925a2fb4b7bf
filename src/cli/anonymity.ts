import { InvalidArgumentError, type Command } from "commander";
import { hierarchiesHelp } from "#cli/anonymity-search-help.ts";
import type { SearchOptions as Search } from "#anonymity/search/asked.ts";
import type { Shell } from "#cli/shell.ts";

type Options = {
  readonly store?: string;
  readonly quasi?: readonly string[];
  readonly sensitive: readonly string[];
  readonly k?: number;
};

/** `lethe anonymity …`: how well people are hidden in what is kept of them. */
export const register = (program: Command, shell: Shell): void => {
  const anonymity = program
    .command("anonymity")
    .description("numbers that show how well people are hidden in what is kept of them");
  anonymity
    .command("attack")
    .description("join what is anonymised to the records that the policies list, as an attacker would; changes nothing")
    .action(async () => {
      const [{ attackStores }, { attackText }] = await Promise.all([
        import("#anonymity/attack-stores.ts"),
        import("#cli/anonymity-text.ts"),
      ]);
      const attacks = await shell.withContext(attackStores);
      shell.answer({ attacks }, () => attackText(attacks));
      if (attacks.some(({ one }) => one > 0)) shell.exitWith(5);
    });
  anonymity
    .command("measure")
    .description("k-anonymity, l-diversity and t-closeness of a whole table as it is now; changes nothing")
    .argument("<table>", "as the policy names it: events, web.events")
    .option("--store <name>", "whose table; needed where the configuration names several stores")
    .option("--quasi <columns>", "what others may know of people, as a,b,c; the policy's unless given", listOf)
    .option("--sensitive <columns>", "what nobody should learn of them, as a,b,c", listOf, [])
    .option("--k <rows>", "count the rows of smaller classes; the policy's k unless given", wholeNumber)
    .action(async (table: string, { store, quasi, sensitive, k }: Options) => {
      const [{ measureTable }, { measuredText }] = await Promise.all([
        import("#anonymity/measure-table.ts"),
        import("#cli/anonymity-text.ts"),
      ]);
      const measured = await shell.withContext((context) =>
        measureTable(context, { table, store, quasi, sensitive, k }),
      );
      shell.answer(measured, () => measuredText(measured));
    });
  registerSearch(anonymity, shell);
};

type SearchOptions = {
  readonly hierarchies: string;
  readonly store?: string;
  readonly k?: number;
  readonly sensitive?: readonly string[];
  readonly l?: number;
  readonly t?: number;
  readonly suppress: number;
  readonly due?: true;
};

const registerSearch = (anonymity: Command, shell: Shell): void => {
  anonymity
    .command("search")
    .description("how coarse the columns of a table must become for k, l and t, with the least loss; changes nothing")
    .argument("<table>", "as the policy names it: events, web.events")
    .requiredOption("--hierarchies <file>", "YAML that says what each quasi-identifier may become")
    .option("--store <name>", "whose table; needed where the configuration names several stores")
    .option("--k <rows>", "rows of each class, at least; the policy's k unless given, else 5", wholeNumber)
    .option("--sensitive <columns>", "what nobody should learn of people, as a,b,c; the policy's unless given", listOf)
    .option("--l <values>", "distinct values of each sensitive column in each class, at least", wholeNumber)
    .option("--t <distance>", "of each sensitive column in each class from the table, at most: 0 to 1", within(1))
    .option("--suppress <percent>", "rows that may be held back, in percent", within(100), 0)
    .option("--due", "only the rows of people whose requests are due; all others stay as they are")
    .addHelpText("after", hierarchiesHelp)
    .action(async (table: string, { hierarchies, store, k, sensitive, l, t, suppress, due }: SearchOptions) => {
      const options = { table, hierarchies, store, k, sensitive, l, t, suppress };
      if (due === true) return answerDue(shell, options);
      const [{ searchTable }, { foundText }] = await Promise.all([
        import("#anonymity/search/search-table.ts"),
        import("#cli/anonymity-search-text.ts"),
      ]);
      const found = await shell.withContext((context) => searchTable(context, options));
      shell.answer(found, () => foundText(found));
      if (!found.met) shell.exitWith(1);
    });
};

const answerDue = async (shell: Shell, options: Search): Promise<void> => {
  const [{ searchDue }, { dueText }] = await Promise.all([
    import("#anonymity/search/due/search-due.ts"),
    import("#cli/anonymity-due-text.ts"),
  ]);
  const found = await shell.withContext((context) => searchDue(context, options));
  shell.answer(found, () => dueText(found));
  if (!found.met) shell.exitWith(1);
};

const listOf = (text: string): readonly string[] => {
  const names = text.split(",").map((name) => name.trim());
  if (names.includes("")) throw new InvalidArgumentError("write names with commas between them: country,plan");
  return [...new Set(names)];
};

const wholeNumber = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 2) throw new InvalidArgumentError("write a whole number from 2 on");
  return value;
};

const within =
  (most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== "" && value >= 0 && value <= most) return value;
    throw new InvalidArgumentError(`write a number from 0 to ${most}`);
  };

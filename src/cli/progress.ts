import { figure } from "#lib/figure.ts";
import type { Progress } from "#lib/progress.ts";

export type ProgressStream = Pick<NodeJS.WriteStream, "write"> & {
  readonly isTTY?: boolean;
  readonly columns?: number;
};

export type TerminalProgress = Progress & {
  /** The same stream for everything else that is written while work goes on: it never lands inside the moving line. */
  readonly beside: NodeJS.WritableStream;
  /** Takes the moving line away: the work is over, or has failed. */
  readonly close: () => void;
};

type Stage = { readonly label: string; readonly since: number; detail: string };

const clearLine = "\r\u001B[2K";

/**
 * Progress for people. On a terminal one moving line, which becomes `✓ label  result  1.2 s` when its stage ends; on
 * anything else plain lines, at most about one a second. `milliseconds` is a monotonic clock.
 */
export const terminalProgress = (
  stream: ProgressStream,
  milliseconds: () => number = () => performance.now(),
): TerminalProgress => {
  const moving = stream.isTTY === true;
  const pause = moving ? 80 : 1000;
  let stage: Stage | undefined;
  let drawn = 0;
  let shown = false;

  const draw = (): void => {
    if (stage === undefined) return;
    drawn = milliseconds();
    const line = `${stage.label}${stage.detail === "" ? "" : `  ${stage.detail}`}`;
    shown = moving;
    // One column stays free: a line that fills the terminal exactly would wrap and leave a trace.
    stream.write(moving ? `${clearLine}  ${fit(line, widthOf(stream) - 3)}` : `${line}\n`);
  };
  const hide = (): void => {
    if (shown) stream.write(clearLine);
    shown = false;
  };
  const finish = (mark: string, result: string): void => {
    if (stage === undefined) return;
    const took = `${((milliseconds() - stage.since) / 1000).toFixed(1)} s`;
    hide();
    stream.write(`${[`${mark} ${stage.label}`, result, took].filter((part) => part !== "").join("  ")}\n`);
    stage = undefined;
  };

  return {
    stage: (label) => {
      finish("✓", stage?.detail ?? "");
      stage = { label: plain(label), since: milliseconds(), detail: "" };
      if (moving) draw();
      else drawn = milliseconds();
    },
    advance: (done, total, unit) => {
      if (stage === undefined) return;
      stage.detail = `${figure(done)}${total === undefined ? "" : ` of ${figure(total)}`} ${plain(unit)}`;
      if (milliseconds() - drawn >= pause) draw();
    },
    end: (result) => finish("✓", plain(result)),
    beside: besides(stream, hide, () => {
      if (moving) draw();
    }),
    close: () => finish("·", "not finished"),
  };
};

const besides = (stream: ProgressStream, before: () => void, after: () => void): NodeJS.WritableStream => {
  const write = (chunk: string | Uint8Array): boolean => {
    before();
    const room = stream.write(chunk);
    after();
    return room;
  };
  return Object.assign(Object.create(stream), { write }) as NodeJS.WritableStream;
};

// A terminal that does not know its size says 0.
const widthOf = ({ columns = 0 }: ProgressStream): number => (columns > 0 ? columns : 80);

const fit = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;

// Names of tables come from a database: none may move the cursor.
const plain = (text: string): string => text.replaceAll(/\p{Cc}/gu, "?");

import { Children, type Killing } from "#test/fault/children.ts";
import { differences, readEndState, type EndState } from "#test/fault/end-state.ts";
import { wholeNight } from "#test/fault/night.ts";
import { oddities } from "#test/fault/oddities.ts";
import { clearStage, openScene, setStage, type Stage, type UrlOf } from "#test/fault/scene.ts";

/** What became of a night that was killed and run again. */
export type Outcome = {
  readonly signal: NodeJS.Signals | null;
  /** Milliseconds from the night's beginning to its end, whichever end that was. */
  readonly took: number;
  /** What is not as after an undisturbed night. */
  readonly differences: readonly string[];
  readonly oddities: readonly string[];
};

/** A stage on which an undisturbed night has been watched, and processes that wait to be killed. */
export class Scaffold implements AsyncDisposable {
  readonly #stage: Stage;
  readonly #children: Children;
  readonly reference: EndState;
  /** What the undisturbed night said, and how long it took here and now, in milliseconds. */
  readonly undisturbed: { readonly said: unknown; readonly took: number; readonly oddities: readonly string[] };

  private constructor(stage: Stage, children: Children, reference: EndState, undisturbed: Scaffold["undisturbed"]) {
    this.#stage = stage;
    this.#children = children;
    this.reference = reference;
    this.undisturbed = undisturbed;
  }

  static async open(urlOf: UrlOf): Promise<Scaffold> {
    const children = new Children(1);
    const stage = await setStage(urlOf);
    const scene = await openScene(stage);
    const { said, took } = await children.night(scene.order);
    const reference = await readEndState(scene);
    const undisturbed = { said, took, oddities: await oddities(scene) };
    await scene.dispose();
    return new Scaffold(stage, children, reference, undisturbed);
  }

  /** Kills a night, runs again, and says how the night died and what is not as if nothing had happened. */
  async killAndRunAgain(killing: Killing): Promise<Outcome> {
    const scene = await openScene(this.#stage);
    try {
      const { signal, took } = await this.#children.night(scene.order, killing);
      await wholeNight(scene.again);
      const actual = await readEndState(scene);
      return { signal, took, differences: differences(this.reference, actual), oddities: await oddities(scene) };
    } finally {
      await scene.dispose();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#children[Symbol.asyncDispose]();
    await clearStage(this.#stage);
  }
}

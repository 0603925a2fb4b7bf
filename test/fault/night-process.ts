// A night in a process of its own, to be killed. It loads everything, says so, and waits to be told which night it is.
import { wholeNight, type NightOrder } from "#test/fault/night.ts";

type Order = NightOrder & { readonly fault: string | undefined };

process.once("message", (order: Order) => {
  if (order.fault !== undefined) process.env["LETHE_FAULT"] = order.fault;
  const tell = (said: object): void => void process.send?.(said, () => process.disconnect());
  wholeNight(order).then(
    ({ outcome }) => tell({ outcome }),
    (error: unknown) => tell({ error: String(error) }),
  );
});
process.send?.("ready");

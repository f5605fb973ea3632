/** What the user goes about with: of two messages, one under the pointer and one with the focus, the styles show the actions of one. */
const MODIFIERS = new Set(["Alt", "Control", "Meta", "Shift"]);

function use(by: "keys" | "pointer"): void {
  const { dataset } = document.documentElement;
  if (dataset["by"] !== by) dataset["by"] = by;
}

addEventListener("keydown", (event) => { if (!MODIFIERS.has(event.key)) use("keys"); }, true);
addEventListener("pointerdown", () => use("pointer"), true);
let place = "";
addEventListener("pointermove", ({ screenX, screenY }) => {
  // A page that scrolls under a pointer that rests is no movement of it.
  const before = place;
  place = `${screenX} ${screenY}`;
  if (place !== before) use("pointer");
}, true);

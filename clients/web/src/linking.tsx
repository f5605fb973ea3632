/** Linking is rare: what makes and reads codes is loaded when it is asked for. */
import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { reasonOf } from "./parts.tsx";
import type { Session } from "./session.ts";

interface Props {
  session: Session;
  close: () => void;
  done?: () => void;
}

/** Shows the code of this device, or takes that of another. */
export function Linking({ what, ...props }: Props & { what: "show" | "enter" }) {
  const [View, setView] = useState<FunctionComponent<Props>>();
  useEffect(() => {
    import("./secure-link.tsx").then((found) => setView(() => (what === "show" ? found.ShowCode : found.EnterCode) as FunctionComponent<Props>), (error: unknown) => {
      props.session.say(reasonOf(error));
      props.close();
    });
  }, []);
  return View ? <View {...props} /> : null;
}

/** Putting the client among the applications of a system, where the browser offers that. */
import { signal } from "@preact/signals";

interface InstallEvent extends Event {
  prompt(): Promise<void>;
}

let offer: InstallEvent | undefined;

export const canInstall = signal(false);

addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  offer = event as InstallEvent;
  canInstall.value = true;
});
addEventListener("appinstalled", () => { canInstall.value = false; });

export async function install(): Promise<void> {
  await offer?.prompt();
  // It can be used once.
  canInstall.value = false;
  offer = undefined;
}

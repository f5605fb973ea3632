/** Handles the keys where the client runs, as in Node. */
import { openHere } from "./port.ts";
import type { KeysAt } from "./remote.ts";

export const here: KeysAt = async (opening, vault) => openHere(opening, await vault());

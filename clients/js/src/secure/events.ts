/** What encryption has to tell. */
import type { Device } from "./device.ts";

/** What a conversation waits for. */
export type Waiting =
  /** The other side has no device with keys yet. */
  | { for: "keys"; userId: string }
  /** Somebody who is in the group has to add this device. */
  | { for: "beingAdded" }
  /** An admin has to encrypt the group first. */
  | { for: "founding" }
  /** The service cannot be reached, or refuses. */
  | { for: "service"; message: string };

/** What encryption has to tell. */
export type SecureEvent =
  /** A conversation has messages that cannot be sent, or not be read, before something else happens; or no more, where there is no reason. */
  | { is: "waiting"; conversationId: string; reason: Waiting | undefined }
  /** This device can read and write a conversation now. */
  | { is: "joined"; conversationId: string }
  | { is: "devices"; conversationId: string; added: Device[]; removed: Device[] }
  /** The safety number with somebody has changed. If it had been compared, that counts no more. */
  | { is: "safetyNumberChanged"; userId: string; wasVerified: boolean }
  /** Something could not be kept or done. */
  | { is: "failed"; message: string };

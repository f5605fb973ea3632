/**
 * Linking a device: the new one shows a code, an old one takes it, and sends its history. The code passes between the two by eye, camera or
 * clipboard, and never through the service. The form is that of `clients/secure`.
 */
import { type Bytes, fromBase64, hex, sha256 } from "./bytes.ts";
import { deviceOf } from "./device.ts";
import { newRecoveryKey, parseRecoveryKey, revealRecoveryKey } from "./recovery.ts";

const SCHEME = "tidings-link";
/** Bytes of the hash of the key that the code has: nobody finds another key with the same. */
const FINGERPRINT_BYTES = 16;

/** What the new device shows: whoever sees it can read the history that is sent by it. */
export interface LinkCode {
  deviceId: string;
  /** In hexadecimal. */
  fingerprint: string;
  secret: Bytes;
}

/** A text is no code, or the other device is not who the code says. */
export class LinkError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "LinkError";
  }
}

export async function newLinkCode(deviceId: string, identityKey: string): Promise<LinkCode> {
  return { deviceId, fingerprint: await fingerprintOf(identityKey), secret: newRecoveryKey() };
}

export async function revealLinkCode({ deviceId, fingerprint, secret }: LinkCode): Promise<string> {
  return `${SCHEME}:${deviceId}:${fingerprint}:${await revealRecoveryKey(secret)}`;
}

/** Reads what the new device shows. */
export async function parseLinkCode(text: string): Promise<LinkCode> {
  // A device's name may have colons in it.
  const [, deviceId = "", fingerprint = "", secret = ""] = new RegExp(`^${SCHEME}:(.*):([^:]*):([^:]*)$`).exec(text.trim()) ?? [];
  if (!secret) throw new LinkError(`This is no code to link a device by: it begins with ${SCHEME}:`);
  if (!deviceOf("any", deviceId)) throw new LinkError("The code has no device in it.");
  if (!new RegExp(`^[0-9a-f]{${2 * FINGERPRINT_BYTES}}$`, "i").test(fingerprint)) throw new LinkError("The hash in the code is damaged.");
  return { deviceId, fingerprint: fingerprint.toLowerCase(), secret: await parseRecoveryKey(secret) };
}

/** What a code has of a device's key; of what is no key, nothing that any code has. */
export async function fingerprintOf(identityKey: string): Promise<string> {
  const key = fromBase64(identityKey);
  return key ? hex(await sha256(key)).slice(0, 2 * FINGERPRINT_BYTES) : "";
}

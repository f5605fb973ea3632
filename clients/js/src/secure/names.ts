/** What things are called in the vault. */
import type { Device } from "./device.ts";

/** Any sequence has so many digits, so that names are in the order of sequences. */
const DIGITS = 13;
const pad = (sequence: number): string => String(sequence).padStart(DIGITS, "0");

export const names = {
  identity: "identity",
  keyPackages: "package/",
  keyPackage: (reference: string) => `package/${reference}`,
  group: (conversation: string) => `group/${conversation}`,
  groups: "group/",
  /** Which commit waits, and the group after it. */
  pending: (conversation: string) => `pending/${conversation}`,
  next: (conversation: string) => `next/${conversation}`,
  lost: (conversation: string) => `lost/${conversation}`,
  clear: (conversation: string) => `clear/${conversation}`,
  rejoins: (conversation: string) => `rejoin/${conversation}/`,
  rejoin: (conversation: string, device: Device) => `rejoin/${conversation}/${device}`,
  devices: (user: string) => `devices/${user}`,
  verified: (user: string) => `verified/${user}`,
  allVerified: "verified/",
  outbox: "out/",
  out: (order: number) => `out/${pad(order)}`,
  allHeld: "held/",
  held: (conversation: string) => `held/${conversation}/`,
  heldAt: (conversation: string, sequence: number) => `held/${conversation}/${pad(sequence)}`,
  allEntries: "entry/",
  entries: (conversation: string) => `entry/${conversation}/`,
  entry: (conversation: string, sequence: number) => `entry/${conversation}/${pad(sequence)}`,
  allContents: "content/",
  content: (conversation: string, sequence: number) => `content/${conversation}/${pad(sequence)}`,
  places: "place/",
  place: (conversation: string) => `place/${conversation}`,
  frames: "frame/",
  frame: (clientMsgId: string) => `frame/${clientMsgId}`,
  summaries: "summary/",
  summary: (conversation: string) => `summary/${conversation}`,
  value: (name: string) => `value/${name}`,
};

/** The device at the end of the name of a wish to be added anew. */
export const rejoining = (name: string): Device => name.split("/").slice(-2).join("/") as Device;
export const conversationIn = (name: string): string => name.slice(name.indexOf("/") + 1, name.lastIndexOf("/"));

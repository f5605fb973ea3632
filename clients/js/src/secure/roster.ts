/** Which devices are in a group, and what has to change for them to be those that should be. */
import type { Device } from "./device.ts";
import { ADDS_MAX } from "./limits.ts";

/** A device in a group, with the key that it signs with, in base64. */
export interface Leaf {
  device: Device;
  key: string;
  index: number;
}

/** What to commit, so that the group has the devices that it should have. */
export interface Plan {
  /** Devices to add, at most {@link ADDS_MAX}. */
  add: Device[];
  /** Devices to remove. One that is to be replaced is in both. */
  remove: Device[];
}

/** What makes the roster the wanted set. `rejoin` are devices that have lost their state and asked to be added anew. */
export function planOf(
  roster: readonly Leaf[], own: Device, wanted: ReadonlyMap<Device, string>, rejoin: ReadonlySet<Device>,
): Plan {
  const isRight = ({ device, key }: Leaf) => wanted.get(device) === key && !rejoin.has(device);
  const remove = roster.filter((leaf) => leaf.device !== own && !isRight(leaf)).map(({ device }) => device).sort();
  const present = new Set(roster.map(({ device }) => device));
  const add = [...wanted.keys()].sort().filter((device) => device !== own && (!present.has(device) || remove.includes(device)));
  // Who is replaced comes first: they are taken out by this same commit.
  add.sort((one, other) => Number(remove.includes(other)) - Number(remove.includes(one)));
  return { add: add.slice(0, ADDS_MAX), remove };
}

/** Who a leaf of the tree is: a device of a user, `USER/DEVICE`. */

/** One device of one user, as an MLS credential names it. */
export type Device = string & { readonly isDevice: unique symbol };

const DEVICE = /^[A-Za-z0-9._-]{1,64}\/[A-Za-z0-9._:-]{1,64}$/;

/** A device of these names; none where they cannot be of one. */
export function deviceOf(userId: string, deviceId: string): Device | undefined {
  return parseDevice(`${userId}/${deviceId}`);
}

/** Reads `USER/DEVICE`. */
export function parseDevice(text: string): Device | undefined {
  return DEVICE.test(text) ? (text as Device) : undefined;
}

export const userOf = (device: Device): string => device.slice(0, device.indexOf("/"));
export const deviceIdOf = (device: Device): string => device.slice(device.indexOf("/") + 1);

/** What the directory says of a user's devices. */
export interface DeviceSet {
  version: number;
  /** The identity key of each, in base64. */
  devices: Record<Device, string>;
}

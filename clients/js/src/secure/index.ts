/** End-to-end encryption: a client like the other, whose conversations nobody else reads. */
export type { Membership } from "./account.ts";
export { SecureClient, type SecureConfig } from "./client.ts";
export { type Device, deviceIdOf, deviceOf, userOf } from "./device.ts";
export { searchDevice } from "./device-search.ts";
export type { SecureEvent, Waiting } from "./events.ts";
export { LinkError, parseLinkCode } from "./link.ts";
export { type Attachment, openSealed, uploadSealed } from "./media.ts";
export { inWorker, type KeysAt, type WorkerLike } from "./remote.ts";
export { groupsOf } from "./digits.ts";
export type { Found, SearchQuery } from "./search.ts";
export { SecureStore } from "./store.ts";
